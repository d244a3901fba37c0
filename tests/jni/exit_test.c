/*
 * Tests of the end of a process that uses libfatezero, against the stub engine: exit_test LATE, with FATEZERO_HOME naming the
 * stub's folder and LATE the library made of late.c. exit_test LATE CASE is such a process.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fatezero.h>

static const char *late, *name;
static int editing, ready[2];

/* ---- a process that ends ---- */

static void on_host_exit(void)
{
    (void)!write(1, "host ", 5);
}

static void on_signal(int number)
{
    (void)number;
    (void)!write(1, "handler ", 8);
    exit(5);
}

/* The library appears as libtorch does, in the middle of a call. */
static int on_step(void *opaque, const char *phase, int step, int steps)
{
    void *library = dlopen(late, RTLD_NOW);
    int **seen = library ? dlsym(library, "editing") : NULL;

    (void)opaque, (void)phase, (void)steps;
    if (!seen)
        _exit(99);
    *seen = &editing;
    if (step)
        (void)!write(ready[1], "", 1);
    if (step && !strcmp(name, "callback"))
        exit(7);
    if (step && !strcmp(name, "stuck"))
        sleep(100);
    return 1;
}

static void *edit(void *opaque)
{
    uint8_t pixel[3] = { 1, 2, 3 };
    fatezero_image image = { pixel, 3 };
    fatezero_error error;

    editing = 1;
    fatezero_edit(opaque, &image, &image, 1, 1, 1, 8, &error);
    editing = 0;
    return NULL;
}

/*
 * Java's threads that would take a SIGTERM, but for one: the first call of Java that wants it starts it, as a host's own thread.
 */
static int count_takers(void)
{
    DIR *tasks = opendir("/proc/self/task");
    char path[300], line[256];
    int takers = 0;

    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        unsigned long long blocked = ~0ull;
        FILE *file;
        if (atoi(task->d_name) == getpid() || !atoi(task->d_name))
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
        file = fopen(path, "r");
        while (file && fgets(line, sizeof(line), file) && strcmp(line, "Name:\tCommon-Cleaner\n"))
            sscanf(line, "SigBlk: %llx", &blocked);
        if (file)
            fclose(file);
        takers += !(blocked >> (SIGTERM - 1) & 1);
    }
    if (tasks)
        closedir(tasks);
    return takers;
}

static int end(void)
{
    const char *options[] = { "steps", "1000", "prompt", "sleep 5", NULL }, *quick[] = { "steps", "1", NULL };
    const fatezero_host host = { .step = on_step };
    int busy = !strcmp(name, "busy") || !strcmp(name, "stuck");
    struct sigaction action = { .sa_handler = on_signal };
    fatezero_error error;
    pthread_t thread;
    fatezero *fz;
    char byte;

    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    atexit(on_host_exit);
    sigaction(SIGTERM, &action, NULL);
    if (pipe(ready) || !(fz = fatezero_open(busy ? options : quick, &host, &error)))
        return 98;
    printf("text%s ", count_takers() ? " taker" : "");
    if (busy) {
        pthread_create(&thread, NULL, edit, fz);
        (void)!read(ready[0], &byte, 1);
    } else {
        edit(fz);
        fatezero_close(&fz);
    }
    if (!strcmp(name, "handler"))
        raise(SIGTERM);
    if (!strcmp(name, "during"))
        fflush(stdout);
    return 7;
}

/* ---- the tests ---- */

static int check(const char *program, const char *test, const char *expected, int status)
{
    char out[256] = "";
    size_t used = 0;
    int ends[2], result;
    ssize_t n;
    pid_t child;

    if (pipe(ends) || (child = fork()) < 0)
        return 1;
    if (!child) {
        dup2(ends[1], 1);
        close(ends[0]);
        if (!strcmp(test, "during"))
            setenv("LATE_SIGNAL", "1", 1);
        alarm(60);
        execl(program, program, late, test, NULL);
        _exit(97);
    }
    close(ends[1]);
    while (used < sizeof(out) - 1 && (n = read(ends[0], out + used, sizeof(out) - 1 - used)) > 0)
        used += n;
    close(ends[0]);
    waitpid(child, &result, 0);
    if (WIFEXITED(result) && WEXITSTATUS(result) == status && !strcmp(out, expected))
        return 0;
    fprintf(stderr, "%s: \"%s\" and %s %d; expected \"%s\" and status %d\n", test, out, WIFEXITED(result) ? "status" : "signal",
            WIFEXITED(result) ? WEXITSTATUS(result) : WTERMSIG(result), expected, status);
    return 1;
}

int main(int argc, char **argv)
{
    int failed = 0;

    late = argc > 1 ? argv[1] : "";
    if (argc == 3) {
        name = argv[2];
        return end();
    }
    // all as without the library
    failed += check(argv[0], "return", "destroy destroyed host text ", 7);
    // a handler that calls exit: nothing is destroyed, what stdio holds is written
    failed += check(argv[0], "handler", "handler text ", 5);
    // a signal meanwhile waits
    failed += check(argv[0], "during", "text destroy destroyed handler host ", 5);
    // an edit in another thread ends first
    failed += check(argv[0], "busy", "destroy destroyed host text ", 7);
    // if it does not end, nothing is destroyed below it
    failed += check(argv[0], "stuck", "text ", 7);
    failed += check(argv[0], "callback", "text ", 7);
    printf("exit: %d of 6 failed\n", failed);
    return failed > 0;
}
