#define _GNU_SOURCE             // dladdr, RTLD_NOLOAD, asprintf

#include <dirent.h>
#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.h"
#include "jvm.h"

#define JAVA_OLDEST 17
#define LIBJVM      "/lib/server/libjvm.so"     // from Java 9 on, below the home of every Java

typedef jint (*created_vms_fn)(JavaVM **, jsize, jsize *);

// The one virtual machine. A process can neither start a second one nor replace the first.
static struct {
    pthread_mutex_t lock;
    JavaVM         *vm;
    int             ours;       // it was started here, not by a host written in Java
    atomic_int      pid;        // of the process that started it, 0 before: threads do not survive a fork
    pthread_key_t   attached;   // its destructor detaches a thread that ends
    fatezero_error  failed;     // why it did not start: the process has no other try
    fatezero_java   java;
    jmethodID       get_message, to_string, get_bytes, print_stack, string_writer, print_writer;
    jclass          string_writer_class, print_writer_class;
    jobject         utf8;
} jvm = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- errors ---- */

static const struct { const char *name; fatezero_code code; } exceptions[] = {
    { "java/lang/IllegalArgumentException",         FATEZERO_INVALID   },
    { "java/nio/file/NoSuchFileException",          FATEZERO_NOT_FOUND },
    { "java/io/FileNotFoundException",              FATEZERO_NOT_FOUND },
    { "java/io/IOException",                        FATEZERO_BAD_DATA  },   // after its subclasses above
    { "java/util/concurrent/CancellationException", FATEZERO_CANCELLED },
    { "java/lang/OutOfMemoryError",                 FATEZERO_NO_MEMORY },
};

/* libtorch's messages have many lines; and no character may be cut where a message is */
static void one_line(char *message, size_t size)
{
    size_t length = strlen(message);

    for (char *at = message; (at = strpbrk(at, "\r\n")); )
        *at = ' ';
    if (length + 1 == size) {
        size_t at = length - 1;

        while (at && (message[at] & 0xC0) == 0x80)
            at--;
        message[at] = '\0';
    }
}

fatezero_code fatezero_fail(fatezero_error *error, fatezero_code code, const char *format, ...)
{
    va_list args;

    error->code = code;
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return code;
}

char *fatezero_string(JNIEnv *env, jbyteArray bytes)
{
    jsize length = (*env)->GetArrayLength(env, bytes);
    char *string = malloc(length + 1u);

    if (string) {
        (*env)->GetByteArrayRegion(env, bytes, 0, length, (jbyte *)string);
        string[length] = '\0';
    }
    return string;
}

/* String method of an object as UTF-8; NULL if it returns null or throws. */
static char *text(JNIEnv *env, jobject object, jmethodID method)
{
    jstring string   = jvm.utf8 ? (*env)->CallObjectMethod(env, object, method) : NULL;
    jbyteArray bytes = string && !(*env)->ExceptionCheck(env) ?
                       (*env)->CallObjectMethod(env, string, jvm.get_bytes, jvm.utf8) : NULL;
    char *result     = bytes && !(*env)->ExceptionCheck(env) ? fatezero_string(env, bytes) : NULL;

    (*env)->ExceptionClear(env);
    return result;
}

static void log_stack(JNIEnv *env, const fatezero_host *host, jthrowable thrown)
{
    jobject writer  = (*env)->NewObject(env, jvm.string_writer_class, jvm.string_writer);
    jobject printer = writer ? (*env)->NewObject(env, jvm.print_writer_class, jvm.print_writer, writer) : NULL;
    char *stack = NULL, *line, *rest;

    if (printer) {
        (*env)->CallVoidMethod(env, thrown, jvm.print_stack, printer);
        if (!(*env)->ExceptionCheck(env))
            stack = text(env, writer, jvm.to_string);
    }
    (*env)->ExceptionClear(env);
    for (line = stack ? strtok_r(stack, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
        host->log(host->opaque, FATEZERO_VERBOSE, line);
    free(stack);
}

/* Code of a throwable, by the first class in the table that it is an instance of. */
static fatezero_code code_of(JNIEnv *env, jthrowable thrown)
{
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++) {
        jclass class = (*env)->FindClass(env, exceptions[i].name);
        if (class && (*env)->IsInstanceOf(env, thrown, class))
            return exceptions[i].code;
        (*env)->ExceptionClear(env);
    }
    return FATEZERO_INTERNAL;
}

fatezero_code fatezero_exception(JNIEnv *env, const fatezero_host *host, fatezero_error *error)
{
    jthrowable thrown = (*env)->ExceptionOccurred(env);
    char *message = NULL;

    if (!thrown)
        return FATEZERO_OK;
    (*env)->ExceptionClear(env);
    if ((*env)->PushLocalFrame(env, 32) < 0) {
        (*env)->ExceptionClear(env);
        (*env)->DeleteLocalRef(env, thrown);
        return fatezero_fail(error, FATEZERO_NO_MEMORY, "the Java virtual machine has no memory left");
    }
    error->code = code_of(env, thrown);
    if (error->code != FATEZERO_INTERNAL)
        message = text(env, thrown, jvm.get_message);
    if (!message)
        message = text(env, thrown, jvm.to_string);     // names the class too
    snprintf(error->message, sizeof(error->message), "%s", message ? message : "an exception without a message");
    one_line(error->message, sizeof(error->message));
    free(message);
    if (error->code == FATEZERO_INTERNAL && host && host->log)
        log_stack(env, host, thrown);
    (*env)->PopLocalFrame(env, NULL);
    (*env)->DeleteLocalRef(env, thrown);
    return error->code;
}

/* ---- finding libjvm ---- */

/* An environment variable; NULL if it is unset or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

typedef struct search {
    void *library;
    char  tried[2048];          // what failed and why, for the error
} search;

static void tried(search *s, const char *path, const char *why)
{
    size_t used = strlen(s->tried);

    snprintf(s->tried + used, sizeof(s->tried) - used, "%s%s%s%s", used ? ", " : "", path, *why ? ": " : "", why);
}

/* The version that the file "release" of a Java's home tells, 0 if it tells none. */
static int release_version(const char *library)
{
    char path[PATH_MAX], line[256];
    int version = 0, minor;
    const char *end = strstr(library, LIBJVM);
    FILE *file;

    if (!end || snprintf(path, sizeof(path), "%.*s/release", (int)(end - library), library) >= (int)sizeof(path) ||
        !(file = fopen(path, "r")))
        return 0;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "JAVA_VERSION=\"%d.%d", &version, &minor) == 2 && version == 1)
            version = minor;                            // 1.8 is Java 8
    fclose(file);
    return version;
}

static int try_library(search *s, const char *path)
{
    int version = release_version(path);
    char why[64];

    if (version && version < JAVA_OLDEST) {
        snprintf(why, sizeof(why), "Java %d is too old", version);
        tried(s, path, why);
    } else if (access(path, F_OK) < 0) {
        tried(s, path, "");
    } else if (!(s->library = dlopen(path, RTLD_NOW | RTLD_LOCAL))) {
        tried(s, dlerror(), "");          // names the path
    }
    return !!s->library;
}

static int try_home(search *s, const char *home)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof(path), "%s" LIBJVM, home) < (int)sizeof(path) && try_library(s, path);
}

/* The home of the java program on PATH: links lead from there to HOME/bin/java. */
static int try_path(search *s)
{
    char *path = getenv("PATH") ? strdup(getenv("PATH")) : NULL, *rest;
    int found = 0;

    for (char *dir = path ? strtok_r(path, ":", &rest) : NULL; dir && !found; dir = strtok_r(NULL, ":", &rest)) {
        char program[PATH_MAX], home[PATH_MAX], *end;
        if (snprintf(program, sizeof(program), "%s/java", dir) < (int)sizeof(program) &&
            !access(program, X_OK) && realpath(program, home) &&
            (end = strrchr(home, '/')) && end - home >= 4 && !strcmp(end - 4, "/bin/java")) {
            end[-4] = '\0';
            found = try_home(s, home);
        }
    }
    free(path);
    return found;
}

static int try_pattern(search *s, const char *pattern)
{
    glob_t matches;
    int found = 0;

    if (glob(pattern, 0, NULL, &matches)) {
        tried(s, pattern, "");
        return 0;
    }
    for (size_t i = 0; i < matches.gl_pathc && !found; i++)
        found = try_library(s, matches.gl_pathv[i]);
    globfree(&matches);
    return found;
}

static fatezero_code find_library(search *s, fatezero_error *error)
{
    static const char *const patterns[] = { "/usr/lib/jvm/*" LIBJVM, "/usr/java/*" LIBJVM, "/opt/java/*" LIBJVM };
    const char *chosen = variable("FATEZERO_JVM"), *home = variable("JAVA_HOME");
    int found;

    // a host written in Java has one loaded, wherever it came from
    if ((s->library = dlopen("libjvm.so", RTLD_NOW | RTLD_NOLOAD)))
        return FATEZERO_OK;
    if (chosen) {
        found = try_library(s, chosen);
    } else {
        found = (home && try_home(s, home)) || try_path(s);
        for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns) && !found; i++)
            found = try_pattern(s, patterns[i]);
    }
    if (found)
        return FATEZERO_OK;
    return fatezero_fail(error, FATEZERO_NO_RUNTIME,
                         "no Java virtual machine, version %d or newer; tried %s; install one (Debian: openjdk-%d-jre-headless) "
                         "or set FATEZERO_JVM to a libjvm.so", JAVA_OLDEST, s->tried, JAVA_OLDEST);
}

/* ---- the engine's files ---- */

/* FATEZERO_HOME, or the folder fatezero beside this library. */
static fatezero_code find_home(char home[PATH_MAX], fatezero_error *error)
{
    const char *chosen = variable("FATEZERO_HOME");
    char path[PATH_MAX];
    struct stat info;
    Dl_info self;

    if (chosen) {
        snprintf(path, sizeof(path), "%s", chosen);
    } else {
        char *slash;
        if (!dladdr(&jvm, &self) || !realpath(self.dli_fname, path) || !(slash = strrchr(path, '/')) ||
            slash - path + sizeof("/fatezero") > sizeof(path))
            return fatezero_fail(error, FATEZERO_NO_RUNTIME, "cannot tell where libfatezero.so lies; set FATEZERO_HOME");
        strcpy(slash, "/fatezero");
    }
    if (!realpath(path, home) || stat(home, &info) < 0 || !S_ISDIR(info.st_mode))   // Java loads by absolute paths
        return fatezero_fail(error, FATEZERO_NO_RUNTIME, "the engine's folder %s is missing; "
                             "install it beside libfatezero.so or set FATEZERO_HOME", path);
    if (strchr(home, ':'))
        return fatezero_fail(error, FATEZERO_NO_RUNTIME, "the engine's folder %s has a colon in its path, which ends a path for Java; "
                             "install it elsewhere or set FATEZERO_HOME", home);
    return FATEZERO_OK;
}

static int is_jar(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && !strcmp(entry->d_name + length - 4, ".jar");
}

/* -Djava.class.path= with every jar of the folder, since only the java program expands a "*". To be freed. */
static char *class_path(const char *home)
{
    struct dirent **jars;
    int n = scandir(home, &jars, is_jar, alphasort);
    char *path = n > 0 ? strdup("-Djava.class.path=") : NULL;

    for (int i = 0; i < n; i++) {
        char *longer = NULL;
        if (path && asprintf(&longer, "%s%s%s/%s", path, i ? ":" : "", home, jars[i]->d_name) < 0)
            longer = NULL;
        free(path);
        path = longer;
        free(jars[i]);
    }
    if (n >= 0)
        free(jars);
    return path;
}

/* The folder of libtorch: FATEZERO_TORCH, or the CUDA build where it is installed and NVIDIA's driver is, or the CPU's. */
static fatezero_code find_torch(const char *home, char torch[PATH_MAX], fatezero_error *error)
{
    const char *chosen = variable("FATEZERO_TORCH");
    char library[PATH_MAX + 32];

    if (chosen) {
        snprintf(library, sizeof(library), "%s/libdjl_torch.so", chosen);
        if (access(library, F_OK) || !realpath(chosen, torch))
            return fatezero_fail(error, FATEZERO_NO_RUNTIME, "FATEZERO_TORCH=%s is no folder of libtorch: it has no "
                                 "libdjl_torch.so; unset it, or name %s/pytorch", chosen, home);
        return FATEZERO_OK;
    }
    snprintf(torch, PATH_MAX, "%.*s/pytorch-cuda/torch/lib", PATH_MAX - 32, home);
    if (access(torch, F_OK) || !dlopen("libcuda.so.1", RTLD_LAZY))      // the driver stays: libtorch is its next user
        snprintf(torch, PATH_MAX, "%.*s/pytorch", PATH_MAX - 32, home);
    return FATEZERO_OK;
}

/*
 * Where the host has a BLAS, as the distribution's ffmpeg has by way of its other filters, its functions would take the place of
 * libtorch's own, which have the same names: edits in single precision took seven times as long. So libtorch is loaded here, to look
 * for names in itself first; Java finds it loaded. A failure is left to Java, which tells of it.
 *
 * It would then also find another malloc() than the host, where that has replaced the C library's: what one allocates the other frees.
 * Slow is better than that.
 */
static void keep_torch_apart(const char *torch)
{
    char library[PATH_MAX + 32];
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

    snprintf(library, sizeof(library), "%s/libtorch_cpu.so", torch);
    if (libc && dlsym(RTLD_DEFAULT, "malloc") == dlsym(libc, "malloc") && dlsym(RTLD_DEFAULT, "sgemm_"))
        dlopen(library, RTLD_LAZY | RTLD_LOCAL | RTLD_DEEPBIND);
    if (libc)
        dlclose(libc);
}

/* ---- starting ---- */

#define MAX_OPTIONS 32

typedef struct option_list {
    JavaVMOption options[MAX_OPTIONS];
    int n;
} option_list;

static void add(option_list *list, char *option)
{
    list->options[list->n++].optionString = option;
}

/* Memory, where the user leaves it to us: tensors live outside the heap, so it stays small, is collected often, and starts
 * with few threads. What is only reserved counts against a limit of addresses too, and Java would take half of that. */
static void add_memory(option_list *list, char heap[32])
{
    struct rlimit space;

    if (!fatezero_user_sets("GC")) {                         // a second collector would be an error
        add(list, "-XX:+UseSerialGC");
        if (!fatezero_user_sets("-Xm") && !fatezero_user_sets("NewSize")) {
            add(list, "-XX:NewSize=16m");
            add(list, "-XX:MaxNewSize=16m");
        }
    }
    if (!fatezero_user_sets("CompressedClass"))
        add(list, "-XX:CompressedClassSpaceSize=64m");
    if (!fatezero_user_sets("Code"))
        add(list, "-XX:ReservedCodeCacheSize=64m");
    if (!fatezero_user_sets("-Xm") && !fatezero_user_sets("HeapSize") && !fatezero_user_sets("RAM") &&
        !getrlimit(RLIMIT_AS, &space) && space.rlim_cur != RLIM_INFINITY) {
        snprintf(heap, 32, "-Xmx%lluk", (unsigned long long)space.rlim_cur / 16 >> 10);
        add(list, heap);
    }
}

static fatezero_code create(search *s, fatezero_error *error)
{
    char home[PATH_MAX], torch[PATH_MAX], pytorch[PATH_MAX + 32], tokenizers[PATH_MAX + 64], jna[PATH_MAX + 32];
    char cuda[PATH_MAX + 32], runtime[PATH_MAX + 64];
    char *classes, heap[32];

    if (find_home(home, error) || find_torch(home, torch, error))
        return error->code;
    if (!(classes = class_path(home)))
        return fatezero_fail(error, FATEZERO_NO_RUNTIME, "there is no .jar in the engine's folder %s", home);
    snprintf(pytorch,    sizeof(pytorch),    "-DPYTORCH_LIBRARY_PATH=%s", torch);
    snprintf(tokenizers, sizeof(tokenizers), "-DRUST_LIBRARY_PATH=%s/tokenizers/libtokenizers.so", home);
    snprintf(jna,        sizeof(jna),        "-Djna.boot.library.path=%s/jna", home);
    snprintf(cuda,       sizeof(cuda),       "%s/libtorch_cuda.so", torch);
    // where Java looks for libcudart, by which it counts the devices
    snprintf(runtime,    sizeof(runtime),    "-Djna.library.path=%s/../../nvidia/cuda_runtime/lib", torch);

    option_list list = { .n = 0 };
    add(&list, classes);
    add(&list, "-Xrs");                             // signals stay the host's
    add(&list, "-XX:+DisplayVMOutputToStderr");     // standard output is the host's: it may carry video
    add(&list, "-Xlog:all=off:stdout");             // not -Xlog:disable, which would end a log that the user keeps in a file
    add(&list, "-Xlog:all=error:stderr");
    add_memory(&list, heap);
    add(&list, "--enable-native-access=ALL-UNNAMED");       // or Java 24 and later warn
    add(&list, "-Dai.djl.offline=true");            // neither downloads nor telemetry
    add(&list, pytorch);                            // used where they lie, so nothing is unpacked at home
    add(&list, tokenizers);
    add(&list, jna);
    add(&list, "-Djna.nounpack=true");
    add(&list, runtime);
    add(&list, access(cuda, F_OK) ? "-DPYTORCH_FLAVOR=cpu" : "-DPYTORCH_FLAVOR=cu128");
    const JavaVMInitArgs args = {
        .version            = JNI_VERSION_10,
        .options            = list.options,
        .nOptions           = list.n,
        .ignoreUnrecognized = JNI_FALSE,
    };

    /* libtorch's threads would otherwise spin for milliseconds at every barrier, and starve a host whose decoders and
     * encoders want the same cores: measured, an edit beside a busy encoder took ten times as long. If they slept at once,
     * waking them would take a third of a small model's time; most barriers are over within 4,000 turns, about 0.1 ms */
    if (!getenv("OMP_WAIT_POLICY")) {
        setenv("GOMP_SPINCOUNT", "4000", 0);
        setenv("OMP_WAIT_POLICY", "passive", 0);
    }
    keep_torch_apart(torch);
    if (fatezero_create(s->library, &args, &jvm.vm, error) == FATEZERO_NO_RUNTIME)
        jvm.failed = *error;
    free(classes);
    return error->code;
}

/* System.out becomes System.err: the host's standard output may carry video. */
static void quiet(JNIEnv *env)
{
    jclass system    = (*env)->FindClass(env, "java/lang/System");
    jfieldID err     = system ? (*env)->GetStaticFieldID(env, system, "err", "Ljava/io/PrintStream;") : NULL;
    jmethodID setter = err ? (*env)->GetStaticMethodID(env, system, "setOut", "(Ljava/io/PrintStream;)V") : NULL;

    if (setter)
        (*env)->CallStaticVoidMethod(env, system, setter, (*env)->GetStaticObjectField(env, system, err));
    (*env)->ExceptionClear(env);
}

static int running_version(JNIEnv *env)
{
    jclass integer   = (*env)->FindClass(env, "java/lang/Integer");
    jmethodID getter = integer ? (*env)->GetStaticMethodID(env, integer, "getInteger",
                                                           "(Ljava/lang/String;)Ljava/lang/Integer;") : NULL;
    jmethodID value  = getter ? (*env)->GetMethodID(env, integer, "intValue", "()I") : NULL;
    jstring name     = value ? (*env)->NewStringUTF(env, "java.specification.version") : NULL;
    jobject version  = name ? (*env)->CallStaticObjectMethod(env, integer, getter, name) : NULL;
    int result       = version && !(*env)->ExceptionCheck(env) ? (*env)->CallIntMethod(env, version, value) : 0;

    (*env)->ExceptionClear(env);
    return result;
}

static void JNICALL native_log(JNIEnv *env, jclass class, jlong pointer, jint level, jbyteArray message)
{
    const fatezero_host *host = (const fatezero_host *)(intptr_t)pointer;
    char *line = host && host->log && message ? fatezero_string(env, message) : NULL;

    (void)class;
    if (line)
        host->log(host->opaque, level, line);
    free(line);
}

static jboolean JNICALL native_step(JNIEnv *env, jclass class, jlong pointer, jbyteArray phase, jint step, jint steps)
{
    const fatezero_host *host = (const fatezero_host *)(intptr_t)pointer;
    char *name = host && host->step && phase ? fatezero_string(env, phase) : NULL;
    jboolean go_on;

    (void)class;
    fatezero_guard_exit();      // the host may call exit() in a signal handler that it hears in step()
    go_on = !fatezero_ending() && (!name || host->step(host->opaque, name, step, steps));
    fatezero_guard_exit();
    free(name);
    return go_on;
}

static jclass class_of(JNIEnv *env, const char *name)
{
    jclass local = (*env)->ExceptionCheck(env) ? NULL : (*env)->FindClass(env, name);

    return local ? (*env)->NewGlobalRef(env, local) : NULL;
}

static jmethodID method(JNIEnv *env, jclass class, const char *name, const char *signature)
{
    return !class || (*env)->ExceptionCheck(env) ? NULL : (*env)->GetMethodID(env, class, name, signature);
}

static jmethodID static_method(JNIEnv *env, jclass class, const char *name, const char *signature)
{
    return !class || (*env)->ExceptionCheck(env) ? NULL : (*env)->GetStaticMethodID(env, class, name, signature);
}

/* What the error functions need, from Java's own classes. */
static void look_up_java(JNIEnv *env)
{
    jclass throwable = class_of(env, "java/lang/Throwable");
    jclass string    = class_of(env, "java/lang/String");
    jclass charsets  = class_of(env, "java/nio/charset/StandardCharsets");
    jfieldID utf8;

    jvm.java.bytes          = class_of(env, "[B");
    jvm.java.buffer         = class_of(env, "java/nio/ByteBuffer");
    jvm.string_writer_class = class_of(env, "java/io/StringWriter");
    jvm.print_writer_class  = class_of(env, "java/io/PrintWriter");
    jvm.get_message   = method(env, throwable, "getMessage", "()Ljava/lang/String;");
    jvm.print_stack   = method(env, throwable, "printStackTrace", "(Ljava/io/PrintWriter;)V");
    jvm.to_string     = method(env, class_of(env, "java/lang/Object"), "toString", "()Ljava/lang/String;");
    jvm.get_bytes     = method(env, string, "getBytes", "(Ljava/nio/charset/Charset;)[B");
    jvm.string_writer = method(env, jvm.string_writer_class, "<init>", "()V");
    jvm.print_writer  = method(env, jvm.print_writer_class, "<init>", "(Ljava/io/Writer;)V");
    utf8 = (*env)->ExceptionCheck(env) ? NULL :
           (*env)->GetStaticFieldID(env, charsets, "UTF_8", "Ljava/nio/charset/Charset;");
    if (utf8)
        jvm.utf8 = (*env)->NewGlobalRef(env, (*env)->GetStaticObjectField(env, charsets, utf8));
}

static void look_up_engine(JNIEnv *env)
{
    static const JNINativeMethod natives[] = {
        { "log",  "(JI[B)V",   (void *)native_log  },
        { "step", "(J[BII)Z",  (void *)native_step },
    };
    fatezero_java *java = &jvm.java;
    jclass host;

    java->engine   = class_of(env, "org/fatezero/engine/Engine");
    java->open     = static_method(env, java->engine, "open", "([[BJ)Lorg/fatezero/engine/Engine;");
    java->change   = method(env, java->engine, "change", "([[BJ)Lorg/fatezero/engine/Engine;");
    java->window   = method(env, java->engine, "window", "()I");
    java->edits    = method(env, java->engine, "edits", "()I");
    java->panels   = method(env, java->engine, "panels", "(I)I");
    java->begin_shot      = method(env, java->engine, "beginShot", "()V");
    java->begin_shot_with = method(env, java->engine, "beginShot", "(Ljava/nio/ByteBuffer;IIII)V");
    java->mix      = method(env, java->engine, "mix", "([D)V");
    java->edit     = method(env, java->engine, "edit", "([Ljava/nio/ByteBuffer;[I[Ljava/nio/ByteBuffer;[IIII)V");
    java->metadata = method(env, java->engine, "metadata", "(I)[[B");
    java->close    = method(env, java->engine, "close", "()V");
    host           = class_of(env, "org/fatezero/engine/NativeHost");
    if (host)
        (*env)->RegisterNatives(env, host, natives, sizeof(natives) / sizeof(*natives));
}

static void detach(void *vm)
{
    (*(JavaVM *)vm)->DetachCurrentThread(vm);
}

/* Under the lock: finds or starts the virtual machine. jvm.vm stays NULL unless all is well. */
static fatezero_code start(fatezero_error *error)
{
    search s = { .library = NULL };
    created_vms_fn created_vms;
    jsize n = 0;
    JNIEnv *env = NULL;
    int found, foreign, attaches, version;
    char path[PATH_MAX] = "";
    Dl_info info;

    error->code = FATEZERO_OK;
    if (jvm.failed.code)
        *error = jvm.failed;
    if (error->code || find_library(&s, error))
        return error->code;
    created_vms = (created_vms_fn)dlsym(s.library, "JNI_GetCreatedJavaVMs");
    found = created_vms && created_vms(&jvm.vm, 1, &n) == JNI_OK && n > 0;
    if (!found && create(&s, error))
        return error->code;
    jvm.ours |= !found;
    foreign = !jvm.ours;
    attaches = !found || (*jvm.vm)->GetEnv(jvm.vm, (void **)&env, JNI_VERSION_10) == JNI_EDETACHED;
    if ((*jvm.vm)->AttachCurrentThreadAsDaemon(jvm.vm, (void **)&env, NULL) != JNI_OK) {
        jvm.vm = NULL;
        return fatezero_fail(error, FATEZERO_NO_MEMORY, "cannot attach a thread to Java: its stack may be too small (ulimit -s)");
    }

    version = running_version(env);
    if (version < JAVA_OLDEST) {
        if (dladdr((void *)created_vms, &info))
            snprintf(path, sizeof(path), "%s", info.dli_fname);
        fatezero_fail(error, FATEZERO_NO_RUNTIME, "%s is Java %d; %d or newer is needed: set JAVA_HOME or FATEZERO_JVM",
                      path, version, JAVA_OLDEST);
    } else {
        look_up_java(env);
        if (!(*env)->ExceptionCheck(env)) {
            if (!foreign)
                quiet(env);
            look_up_engine(env);
        }
        error->code = FATEZERO_OK;
        if (fatezero_exception(env, NULL, error)) {
            fatezero_error cause = *error;
            if (cause.code == FATEZERO_NO_MEMORY)
                fatezero_fail(error, cause.code, "Java has no memory for the engine (%.256s)", cause.message);
            else
                fatezero_fail(error, FATEZERO_NO_RUNTIME, "the engine's jar is missing or of another version%s (%.256s)",
                              foreign ? " on the class path of the Java that runs here" : "", cause.message);
        }
    }
    if (!error->code && pthread_key_create(&jvm.attached, detach))
        fatezero_fail(error, FATEZERO_NO_MEMORY, "no thread key is left");
    if (error->code) {
        // the virtual machine itself stays; the next call finds it, and the same error
        if (attaches)
            (*jvm.vm)->DetachCurrentThread(jvm.vm);
        jvm.vm = NULL;
        return error->code;
    }
    if (attaches)
        pthread_setspecific(jvm.attached, jvm.vm);
    return FATEZERO_OK;
}

const fatezero_java *fatezero_jvm(JNIEnv **env, fatezero_error *error)
{
    JavaVMAttachArgs args = { .version = JNI_VERSION_10, .name = "fatezero" };
    fatezero_code code = FATEZERO_OK;
    jint status;
    int pid;

    if ((pid = atomic_load(&jvm.pid)) && pid != getpid()) {     // before the lock, which the parent may have held
        fatezero_fail(error, FATEZERO_NO_RUNTIME, "this process was forked after its parent started Java; "
                      "open in the process that edits, or exec after the fork");
        return NULL;
    }
    pthread_mutex_lock(&jvm.lock);
    if (!jvm.vm) {
        atomic_store(&jvm.pid, getpid());
        code = start(error);
        if (code && !jvm.ours)
            atomic_store(&jvm.pid, 0);
    }
    pthread_mutex_unlock(&jvm.lock);
    if (code)
        return NULL;
    status = (*jvm.vm)->GetEnv(jvm.vm, (void **)env, JNI_VERSION_10);
    if (status == JNI_EDETACHED) {
        status = (*jvm.vm)->AttachCurrentThreadAsDaemon(jvm.vm, (void **)env, &args);
        if (status == JNI_OK)
            pthread_setspecific(jvm.attached, jvm.vm);
    }
    if (status != JNI_OK) {
        fatezero_fail(error, FATEZERO_NO_MEMORY, "cannot attach a thread to Java (%d)", (int)status);
        return NULL;
    }
    return &jvm.java;
}
