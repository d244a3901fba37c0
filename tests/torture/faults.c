#define _GNU_SOURCE             // dl_iterate_phdr, vasprintf

#include <dlfcn.h>
#include <errno.h>
#include <jvmti.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

#ifdef __SANITIZE_ADDRESS__
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *memory, size_t size);
void *REAL(memalign)(size_t alignment, size_t size);
void  REAL(free)(void *memory);

#define MAX_RANGES 8
#define SLOTS      ((size_t)1 << 18)

static struct { uintptr_t begin, end; } ranges[MAX_RANGES];
static int nb_ranges;
static atomic_long calls, failing, references;

// the pieces of memory that are held: a hash table, where a piece lies in its own slot or one of those after it
static void *held[SLOTS];
static long nb_held;
static atomic_flag lock = ATOMIC_FLAG_INIT;

static int is_watched(const void *caller)
{
    for (int i = 0; i < nb_ranges; i++)
        if ((uintptr_t)caller >= ranges[i].begin && (uintptr_t)caller < ranges[i].end)
            return 1;
    return 0;
}

static int fails(const void *caller)
{
    return is_watched(caller) && atomic_fetch_add(&calls, 1) + 1 == atomic_load(&failing);
}

static size_t own_slot(const void *memory)
{
    return ((uintptr_t)memory >> 4) * 0x9e3779b97f4a7c15u >> 20 & (SLOTS - 1);
}

static void *hold(void *memory, const void *caller)
{
    if (!memory || !is_watched(caller))
        return memory;
    while (atomic_flag_test_and_set(&lock))
        ;
    if (++nb_held > (long)SLOTS / 2)
        abort();
    for (size_t i = own_slot(memory);; i = (i + 1) & (SLOTS - 1))
        if (!held[i]) {
            held[i] = memory;
            break;
        }
    atomic_flag_clear(&lock);
    return memory;
}

/* @return whether it was held */
static int let_go(void *memory)
{
    size_t i = own_slot(memory), j;
    int was;

    if (!memory || !nb_ranges)
        return 0;
    while (atomic_flag_test_and_set(&lock))
        ;
    while (held[i] && held[i] != memory)
        i = (i + 1) & (SLOTS - 1);
    was = !!held[i];
    nb_held -= was;
    // those behind it move up, unless that were before their own slot
    for (j = i; held[j]; ) {
        held[i] = NULL;
        do
            j = (j + 1) & (SLOTS - 1);
        while (held[j] && ((j - own_slot(held[j])) & (SLOTS - 1)) < ((j - i) & (SLOTS - 1)));
        if (held[j]) {
            held[i] = held[j];
            i = j;
        }
    }
    atomic_flag_clear(&lock);
    return was;
}

/* ---- in place of the C library's ---- */

#define CALLER __builtin_return_address(0)

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return fails(CALLER) ? none() : hold(REAL(malloc)(size), CALLER);
}

void *calloc(size_t n, size_t size)
{
    return fails(CALLER) ? none() : hold(REAL(calloc)(n, size), CALLER);
}

void *realloc(void *memory, size_t size)
{
    void *moved;
    int was;

    if (fails(CALLER))
        return none();
    was   = let_go(memory);
    moved = REAL(realloc)(memory, size);
    return hold(moved, was ? (void *)ranges[0].begin : CALLER);
}

char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    void *copy;

    if (fails(CALLER))
        return none();
    copy = hold(REAL(malloc)(size), CALLER);
    return copy ? memcpy(copy, text, size) : NULL;
}

int asprintf(char **text, const char *format, ...)
{
    va_list args;
    int length;

    if (fails(CALLER)) {
        errno = ENOMEM;
        return -1;
    }
    va_start(args, format);
    length = vasprintf(text, format, args);
    va_end(args);
    if (length >= 0)
        hold(*text, CALLER);
    return length;
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (fails(CALLER))
        return ENOMEM;
    *memory = hold(REAL(memalign)(alignment, size), CALLER);
    return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
    let_go(memory);
    REAL(free)(memory);
}

/* ---- in place of Java's functions ---- */

static const struct JNINativeInterface_ *java;
static jclass out_of_memory;

static int java_fails(JNIEnv *env, const void *caller)
{
    if (!fails(caller))
        return 0;
    java->ThrowNew(env, out_of_memory, "none is left, to see what happens then");
    return 1;
}

static jobjectArray JNICALL new_object_array(JNIEnv *env, jsize n, jclass class, jobject first)
{
    return java_fails(env, CALLER) ? NULL : java->NewObjectArray(env, n, class, first);
}

static jbyteArray JNICALL new_byte_array(JNIEnv *env, jsize n)
{
    return java_fails(env, CALLER) ? NULL : java->NewByteArray(env, n);
}

static jintArray JNICALL new_int_array(JNIEnv *env, jsize n)
{
    return java_fails(env, CALLER) ? NULL : java->NewIntArray(env, n);
}

static jobject JNICALL new_direct_byte_buffer(JNIEnv *env, void *memory, jlong size)
{
    return java_fails(env, CALLER) ? NULL : java->NewDirectByteBuffer(env, memory, size);
}

static jint JNICALL push_local_frame(JNIEnv *env, jint n)
{
    return java_fails(env, CALLER) ? JNI_ENOMEM : java->PushLocalFrame(env, n);
}

static jclass JNICALL find_class(JNIEnv *env, const char *name)
{
    return java_fails(env, CALLER) ? NULL : java->FindClass(env, name);
}

static jobject JNICALL new_object(JNIEnv *env, jclass class, jmethodID method, ...)
{
    jobject object;
    va_list args;

    if (java_fails(env, CALLER))
        return NULL;
    va_start(args, method);
    object = java->NewObjectV(env, class, method, args);
    va_end(args);
    return object;
}

// Java throws nothing here
static jobject JNICALL new_global_ref(JNIEnv *env, jobject object)
{
    jobject reference = fails(CALLER) ? NULL : java->NewGlobalRef(env, object);

    references += reference && is_watched(CALLER);
    return reference;
}

static void JNICALL delete_global_ref(JNIEnv *env, jobject reference)
{
    references -= reference && is_watched(CALLER);
    java->DeleteGlobalRef(env, reference);
}

int faults_watch_java(void)
{
    jint (*created_vms)(JavaVM **, jsize, jsize *);
    void *library = dlopen("libjvm.so", RTLD_NOW | RTLD_NOLOAD);
    struct JNINativeInterface_ *table;
    jvmtiEnv *jvmti;
    JavaVM *vm;
    JNIEnv *env;
    jsize n = 0;

    if (!library || !(created_vms = dlsym(library, "JNI_GetCreatedJavaVMs")) || created_vms(&vm, 1, &n) || !n ||
        (*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_10) || (*vm)->GetEnv(vm, (void **)&jvmti, JVMTI_VERSION_1_2) ||
        (*jvmti)->GetJNIFunctionTable(jvmti, (struct JNINativeInterface_ **)&java) || (*jvmti)->GetJNIFunctionTable(jvmti, &table))
        return 0;
    out_of_memory = java->NewGlobalRef(env, java->FindClass(env, "java/lang/OutOfMemoryError"));
    table->NewObjectArray      = new_object_array;
    table->NewByteArray        = new_byte_array;
    table->NewIntArray         = new_int_array;
    table->NewDirectByteBuffer = new_direct_byte_buffer;
    table->PushLocalFrame      = push_local_frame;
    table->FindClass           = find_class;
    table->NewObject           = new_object;
    table->NewGlobalRef        = new_global_ref;
    table->DeleteGlobalRef     = delete_global_ref;
    return !(*jvmti)->SetJNIFunctionTable(jvmti, table);
}

/* ---- the switch ---- */

static int add_library(struct dl_phdr_info *info, size_t size, void *names)
{
    (void)size;
    for (const char *const *name = names; *name; name++)
        for (int i = 0; strstr(info->dlpi_name, *name) && i < info->dlpi_phnum && nb_ranges < MAX_RANGES; i++)
            if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
                ranges[nb_ranges].begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
                ranges[nb_ranges].end   = ranges[nb_ranges].begin + info->dlpi_phdr[i].p_memsz;
                nb_ranges++;
            }
    return 0;
}

void faults_watch(const char *const *libraries)
{
    dl_iterate_phdr(add_library, (void *)libraries);
}

void faults_arm(long n)
{
    calls   = 0;
    failing = n;
}

long faults_calls(void)
{
    return calls;
}

long faults_held(void)
{
    return nb_held + references;
}
