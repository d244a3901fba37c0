/* Stands in for libtorch in exit_test: a library that is loaded late, and has objects to destroy when the process ends. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int *editing;                   // set by the program

static void destroy(void)
{
    usleep(100000);             // a call that has just ended returns
    if (editing && *editing)
        (void)!write(1, "editing ", 8);
    (void)!write(1, "destroy ", 8);
    if (getenv("LATE_SIGNAL"))
        kill(getpid(), SIGTERM);
    (void)!write(1, "destroyed ", 10);
}

__attribute__((constructor)) static void create(void)
{
    atexit(destroy);
}
