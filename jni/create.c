#define _GNU_SOURCE             // dladdr, strchrnul

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jvmti.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agents.h"
#include "exit.h"
#include "jvm.h"

// the one native method of Java that calls setlocale(LC_ALL, ""): seen in 17 and 25
#define PROPERTIES  "Java_jdk_internal_util_SystemProps_00024Raw_platformProperties"
#define LAST_SIGNAL 31                  // of those that a virtual machine handles
#define SPACE       ((size_t)2 << 30)   // bytes of addresses: measured, with libtorch and the smallest edit 1.9 GiB
#define DATA        ((size_t)640 << 20) // bytes that can be written to: measured as well, 620 MiB
#define FILES       32                  // open at once: measured, some 25
#define THREADS     16                  // some of them spare, beside one for each processor

typedef jint (*create_vm_fn)(JavaVM **, void **, void *);
typedef jobjectArray (JNICALL *properties_fn)(JNIEnv *, jclass);

// variables whose options it reads besides its arguments
static const char *const variables[] = { "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS" };

// One virtual machine that is being started. A process can start one only, so there is never another.
static struct {
    pthread_mutex_t lock;
    pthread_cond_t  over;
    enum { STARTING, RETURNED, ENDED } state;
    create_vm_fn    create_vm;
    JavaVMInitArgs  args;
    JavaVM         *vm;
    jint            status;
    char            said[2048];         // what it printed so far
    properties_fn   properties;
} creation = { .lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER };

/* ---- the locale ---- */

static char *locale_now(void)
{
    const char *name = setlocale(LC_ALL, NULL);

    return name ? strdup(name) : NULL;
}

static void set_locale_back(char *before)
{
    const char *now = setlocale(LC_ALL, NULL);

    if (before && now && strcmp(now, before))
        setlocale(LC_ALL, before);
    free(before);
}

/*
 * In place of Java's own native method, which asks the environment for the language and the encoding of paths.
 *
 * It calls setlocale(LC_ALL, ""), by which a host's numbers get another decimal sign, and leaves it so. That is undone
 * at once: other threads can see the foreign locale for some 0.1 ms.
 *
 * The encoding it takes from nl_langinfo(), which heeds the locale of the thread. Options hold paths in UTF-8, and
 * a path must be the same bytes in the end, whatever the environment says (in containers, often nothing).
 */
static jobjectArray JNICALL properties_quietly(JNIEnv *env, jclass class)
{
    char *before  = locale_now();
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t own  = utf8 ? uselocale(utf8) : (locale_t)0;
    jobjectArray result = creation.properties(env, class);

    set_locale_back(before);
    if (utf8) {
        uselocale(own);
        freelocale(utf8);
    }
    return result;
}

static void JNICALL on_native_method(jvmtiEnv *jvmti, JNIEnv *env, jthread thread, jmethodID method, void *address,
                                     void **substitute)
{
    Dl_info info;

    (void)env, (void)thread, (void)method;
    if (dladdr(address, &info) && info.dli_sname && !strcmp(info.dli_sname, PROPERTIES)) {
        creation.properties = (properties_fn)address;
        *substitute = (void *)properties_quietly;
        (*jvmti)->SetEventNotificationMode(jvmti, JVMTI_DISABLE, JVMTI_EVENT_NATIVE_METHOD_BIND, NULL);
    }
}

/* The agent's entry point: -agentpath: makes the virtual machine call it. Without it the start works too, but the
 * environment's locale holds until the virtual machine has started. */
JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM *vm, char *options, void *reserved)
{
    const jvmtiEventCallbacks callbacks = { .NativeMethodBind = on_native_method };
    const jvmtiCapabilities capabilities = { .can_generate_native_method_bind_events = 1 };
    jvmtiEnv *jvmti;

    (void)reserved;
    if (options && !strcmp(options, FATEZERO_LAST_AGENT))
        _exit(FATEZERO_AGENTS_LOADED);
    if ((*vm)->GetEnv(vm, (void **)&jvmti, JVMTI_VERSION_1_2) == JNI_OK &&
        !(*jvmti)->AddCapabilities(jvmti, &capabilities) &&
        !(*jvmti)->SetEventCallbacks(jvmti, &callbacks, sizeof(callbacks)))
        (*jvmti)->SetEventNotificationMode(jvmti, JVMTI_ENABLE, JVMTI_EVENT_NATIVE_METHOD_BIND, NULL);
    return JNI_OK;
}

/* ---- hooks ---- */

/* What the virtual machine prints. While it starts that is kept, and printed or told when the outcome is known; but for
 * what it prints to a log file. */
static jint JNICALL on_print(FILE *file, const char *format, va_list args)
{
    int starting, length = 0;

    pthread_mutex_lock(&creation.lock);
    starting = creation.state == STARTING && (file == stdout || file == stderr);
    if (starting) {
        size_t used = strlen(creation.said);
        length = vsnprintf(creation.said + used, sizeof(creation.said) - used, format, args);
    }
    pthread_mutex_unlock(&creation.lock);
    return starting ? length : vfprintf(file, format, args);
}

/* The virtual machine ends the process. While it starts, only the thread stops that would have ended it, for good: it may
 * hold any lock of the virtual machine, and cannot be unwound. Later there are edits under way that could not go on. */
static void JNICALL on_abort(void)
{
    sigset_t all;

    pthread_mutex_lock(&creation.lock);
    if (creation.state == RETURNED) {
        pthread_mutex_unlock(&creation.lock);
        return;
    }
    creation.state = ENDED;
    pthread_cond_signal(&creation.over);
    pthread_mutex_unlock(&creation.lock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    for (;;)
        pause();
}

static void JNICALL on_exit_code(jint code)
{
    on_abort();
    exit(code);
}

/* ---- creation ---- */

/* In a thread of its own, which may have to stop for good. */
static void *create(void *unused)
{
    JavaVM *vm = NULL;
    sigset_t signals;
    JNIEnv *env;
    jint status;

    fatezero_block_signals(&signals);           // Java's threads inherit that: the host's handlers must not run in them
    status = creation.create_vm(&vm, (void **)&env, &creation.args);
    if (status == JNI_OK)
        (*vm)->DetachCurrentThread(vm);
    pthread_mutex_lock(&creation.lock);
    creation.vm     = vm;
    creation.status = status;
    if (creation.state == STARTING)             // not if another of its threads has given up
        creation.state = RETURNED;
    pthread_cond_signal(&creation.over);
    pthread_mutex_unlock(&creation.lock);
    return unused;
}

/* A thread with the stack that the program java takes. @return 0, or why there is none */
static int start_thread(pthread_t *thread, void *(*function)(void *), void *argument)
{
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);

    if (!failed) {
        pthread_attr_setstacksize(&attributes, 1 << 20);
        failed = pthread_create(thread, &attributes, function, argument);
        pthread_attr_destroy(&attributes);
    }
    return failed;
}

/* @return 0, or why there is no thread */
static int run(void)
{
    pthread_t thread;
    int failed = start_thread(&thread, create, NULL);

    if (failed)
        return failed;
    pthread_detach(thread);
    pthread_mutex_lock(&creation.lock);
    while (creation.state == STARTING)
        pthread_cond_wait(&creation.over, &creation.lock);
    pthread_mutex_unlock(&creation.lock);
    return 0;
}

/* Of the signals that a virtual machine handles by itself it needs the faults alone. SIGUSR2 it sends to its own threads if a profiler
 * within it asks for that. Where the host handles or ignores that signal, it goes on doing so;
 * where it does not, the signal would end it. */
static int is_needed(int number, const struct sigaction *before)
{
    return number == SIGUSR2 ? !(before->sa_flags & SA_SIGINFO) && before->sa_handler == SIG_DFL
                             : number != SIGPIPE && number != SIGXFSZ;
}

/* Restores the signal handlers that a virtual machine replaced: those that it does not need, or all if it failed to start. */
static void set_signals_back(const struct sigaction *before, int started)
{
    struct sigaction now;
    Dl_info jvm, owner;

    if (!dladdr((void *)creation.create_vm, &jvm))
        return;
    for (int i = 1; i <= LAST_SIGNAL; i++)
        if (!(started && is_needed(i, &before[i])) && !sigaction(i, NULL, &now) && dladdr((void *)now.sa_sigaction, &owner) &&
            owner.dli_fbase == jvm.dli_fbase)
            sigaction(i, &before[i], NULL);
}

int fatezero_user_sets(const char *word)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
        const char *value = getenv(variables[i]);
        if (value && strstr(value, word))
            return 1;
    }
    return 0;
}

/* Why it does not start, with the options that it read from the environment. */
static fatezero_code refuse(fatezero_error *error, const char *why)
{
    char told[1024] = "";

    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            snprintf(told + strlen(told), sizeof(told) - strlen(told), "; look at %s=%s", variables[i], value);
    }
    return fatezero_fail(error, FATEZERO_NO_RUNTIME, "the Java virtual machine does not start: %s%s", why, told);
}

/* Its own words in one line. */
static fatezero_code explain(fatezero_error *error)
{
    static const char *const usual[] = { "Picked up ", "Error occurred during initialization of VM", "\tat " };
    const char *line = creation.said;
    char why[1024] = "";

    while (*line) {
        int length = strchrnul(line, '\n') - line, known = !length;
        for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
            known |= !strncmp(line, usual[i], strlen(usual[i]));
        if (!known)
            snprintf(why + strlen(why), sizeof(why) - strlen(why), "%s%.*s", *why ? "; " : "", length, line);
        line += length + (line[length] == '\n');
    }
    return refuse(error, *why                            ? why :
                         creation.status == JNI_EVERSION ? "it is older than Java 10" :
                         creation.status == JNI_ENOMEM   ? "not enough memory" : "its own message is above");
}

/* ---- limits ---- */

static void *pass(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* Where threads cannot be started, libtorch's OpenMP ends the process at the first parallel work. */
static fatezero_code check_threads(fatezero_error *error)
{
    const int wanted = THREADS + sysconf(_SC_NPROCESSORS_ONLN);
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[wanted];
    int n = 0, failed = 0;

    pthread_mutex_lock(&gate);
    while (n < wanted && !(failed = start_thread(&threads[n], pass, &gate)))
        n++;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return !failed ? FATEZERO_OK :
           fatezero_fail(error, FATEZERO_NO_MEMORY, "Java and libtorch need %d threads, and only %d can be started (%s); "
                         "raise the limit of processes (ulimit -u) or of the container", wanted, n, strerror(failed));
}

/* Where memory runs out, the virtual machine or libtorch's initializers may end the process at any later moment. */
static fatezero_code check_space(fatezero_error *error)
{
    static const struct { size_t size; int protection; const char *name, *limit; } kinds[] = {
        { SPACE, PROT_NONE,              "address space",                 "ulimit -v" },
        { DATA,  PROT_READ | PROT_WRITE, "memory that can be written to", "ulimit -d" },
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        void *space = mmap(NULL, kinds[i].size, kinds[i].protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (space == MAP_FAILED)
            return fatezero_fail(error, FATEZERO_NO_MEMORY, "Java and libtorch need %zu MiB of %s at least, and have less (%s); "
                                 "raise the limit (%s)", kinds[i].size >> 20, kinds[i].name, strerror(errno), kinds[i].limit);
        munmap(space, kinds[i].size);
    }
    return FATEZERO_OK;
}

/* Where no file can be opened, Java finds neither its own classes nor ours, and says so in many ways. */
static fatezero_code check_files(fatezero_error *error)
{
    int files[FILES], n = 0, failed;

    files[0] = open("/", O_RDONLY | O_CLOEXEC);
    while (files[n] >= 0 && ++n < FILES)
        files[n] = fcntl(files[0], F_DUPFD_CLOEXEC, 0);
    failed = errno;
    for (int i = 0; i < n; i++)
        close(files[i]);
    return n == FILES ? FATEZERO_OK :
           fatezero_fail(error, FATEZERO_NO_MEMORY, "Java and libtorch need %d open files, and only %d can be opened (%s); "
                         "raise the limit (ulimit -n)", FILES, n, strerror(failed));
}

/* ---- creation, with all that it needs ---- */

fatezero_code fatezero_create(void *library, const JavaVMInitArgs *args, JavaVM **vm, fatezero_error *error)
{
    JavaVMOption options[args->nOptions + 4];
    struct sigaction before[LAST_SIGNAL + 1] = { 0 };
    struct rlimit files;
    char *locale, agent[PATH_MAX + 16] = "-agentpath:";
    int failed, limited, n = args->nOptions;
    Dl_info self, jvm;

    memcpy(options, args->options, n * sizeof(*options));
    options[n++] = (JavaVMOption) { "vfprintf", (void *)on_print };
    options[n++] = (JavaVMOption) { "abort",    (void *)on_abort };
    options[n++] = (JavaVMOption) { "exit",     (void *)on_exit_code };
    // with an agent no class data archive can be dumped; and a path would end at its first =
    if (!fatezero_user_sets("Archive") && !fatezero_user_sets("AOT") && !fatezero_user_sets("-Xshare") &&
        dladdr(&creation, &self) && realpath(self.dli_fname, agent + strlen(agent)) && !strchr(agent, '='))
        options[n++] = (JavaVMOption) { agent, NULL };
    creation.args          = *args;
    creation.args.options  = options;
    creation.args.nOptions = n;
    if (!(creation.create_vm = (create_vm_fn)dlsym(library, "JNI_CreateJavaVM")))
        return fatezero_fail(error, FATEZERO_NO_RUNTIME, "this is no Java virtual machine: %s", dlerror());

    if (fatezero_user_sets("PrintFlagsInitial") || fatezero_user_sets("-Xlog:help"))       // it prints, and calls exit() itself
        return refuse(error, "an option would make it print and end the process");
    if (check_space(error) || check_files(error) || check_threads(error))
        return error->code;
    if (dladdr((void *)creation.create_vm, &jvm) && !fatezero_agents_load(jvm.dli_fname, creation.said, sizeof(creation.said)))
        return explain(error);
    creation.said[0] = '\0';
    for (int i = 1; i <= LAST_SIGNAL; i++)
        sigaction(i, NULL, &before[i]);
    if (!(locale = locale_now()))
        return fatezero_fail(error, FATEZERO_NO_MEMORY, "no memory to start Java");
    limited = !getrlimit(RLIMIT_NOFILE, &files);
    failed = run();
    if (limited)
        setrlimit(RLIMIT_NOFILE, &files);       // Java raises it, but select() in the host cannot take more
    set_locale_back(locale);
    if (failed)
        return fatezero_fail(error, FATEZERO_NO_MEMORY, "no thread can be started to start Java: %s", strerror(failed));
    if (creation.state == ENDED || creation.status != JNI_OK) {
        set_signals_back(before, 0);
        return explain(error);
    }
    set_signals_back(before, 1);
    fputs(creation.said, stderr);
    *vm = creation.vm;
    return FATEZERO_OK;
}
