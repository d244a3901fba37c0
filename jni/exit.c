/*
 * exit() destroys libtorch's global objects: tens of thousands, which free memory and take locks. Three things would make
 * that hang or crash.
 *
 * - A signal handler that calls exit(), as ffmpeg's does at the fourth signal. What it interrupted may hold the very
 *   locks, or be libtorch itself. Nothing can be destroyed in order then, so the process ends with the status given, after
 *   stdio has written what it holds. Later exit handlers are left out: exit() is not for signal handlers, whose host cannot
 *   count on them.
 * - A signal that arrives meanwhile, and whose handler calls exit() once more. Handlers wait until libtorch is through.
 * - A thread that still computes in libtorch. Calls of the library are cancelled and waited for.
 *
 * Exit handlers run last-registered first. One that was registered after libtorch was loaded runs before libtorch's; one that
 * was registered earlier runs after them.
 */
#define _GNU_SOURCE             // on_exit, dl_iterate_phdr

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#include "exit.h"

#define PATIENCE 1              // seconds that a cancelled call is waited for

static struct {
    pthread_mutex_t lock;
    pthread_cond_t  left;
    int             calls;      // under way, in all threads
    pid_t           pid;        // of the process that registered the handlers, 0 before
    unsigned long long loads;   // libraries that had been loaded then
    atomic_int      ending;
} process = { .lock = PTHREAD_MUTEX_INITIALIZER, .left = PTHREAD_COND_INITIALIZER };

static _Thread_local int calls; // of this thread
static int exit_status;

static struct sigaction host_actions[NSIG];     // whose handlers are held; SIG_DFL where none is
static volatile sig_atomic_t held[NSIG];        // came meanwhile

/* All signals but those of a thread's own faults, such as SIGSEGV. */
static void foreign_signals(sigset_t *set)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };

    sigfillset(set);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        sigdelset(set, faults[i]);
}

void fatezero_block_signals(sigset_t *old)
{
    sigset_t set;

    foreign_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, old);
}

static void on_held(int number)
{
    held[number] = 1;
}

/* In every thread: one of the host's may handle what this one blocks. */
static void hold_signals(void)
{
    struct sigaction hold = { .sa_handler = on_held, .sa_flags = SA_RESTART };
    sigset_t set;

    foreign_signals(&set);
    for (int i = 1; i < NSIG; i++)
        if (sigismember(&set, i) == 1 && !sigaction(i, NULL, &host_actions[i]) &&
            host_actions[i].sa_handler != SIG_DFL && host_actions[i].sa_handler != SIG_IGN)
            sigaction(i, &hold, NULL);
}

static void deliver_signals(void)
{
    for (int i = 1; i < NSIG; i++)
        if (host_actions[i].sa_handler != SIG_DFL && host_actions[i].sa_handler != SIG_IGN) {
            sigaction(i, &host_actions[i], NULL);
            if (held[i])
                raise(i);
        }
}

static _Unwind_Reason_Code look_for_signal(struct _Unwind_Context *frame, void *found)
{
    _Unwind_GetIPInfo(frame, found);
    return *(int *)found ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* Whether this thread runs a signal handler: its stack tells. */
static int in_signal_handler(void)
{
    int found = 0;

    _Unwind_Backtrace(look_for_signal, &found);
    return found;
}

static void on_alarm(int number)
{
    (void)number;
    _exit(exit_status);
}

/* Ends the process without another exit handler. A stream whose lock is held is not waited for longer than half a second. */
static _Noreturn void end(int status)
{
    static const int stopping[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
    const struct itimerval soon = { .it_value.tv_usec = 500000 };
    struct sigaction alarm = { .sa_handler = on_alarm };
    sigset_t set;

    for (size_t i = 0; i < sizeof(stopping) / sizeof(*stopping); i++)
        signal(stopping[i], SIG_IGN);
    exit_status = status;
    sigemptyset(&alarm.sa_mask);
    sigaction(SIGALRM, &alarm, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    fflush(NULL);
    _exit(status);
}

/* @return whether no call is under way any more */
static int await_calls(void)
{
    struct timespec until;
    int calls, late = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    pthread_mutex_lock(&process.lock);
    while (process.calls && !late)
        late = pthread_cond_timedwait(&process.left, &process.lock, &until);
    calls = process.calls;
    pthread_mutex_unlock(&process.lock);
    return !calls;
}

/* Called before what libtorch registered. */
static void before_libtorch(int status, void *opaque)
{
    (void)opaque;
    if (process.pid != getpid())            // a fork, where nothing of it runs
        return;
    if (in_signal_handler())
        end(status);
    if (atomic_exchange(&process.ending, 1))
        return;
    if (calls || !await_calls())            // a callback of ours that calls exit() cannot be waited for
        end(status);
    hold_signals();
}

static void after_libtorch(void)
{
    if (process.pid == getpid() && atomic_load(&process.ending))
        deliver_signals();
}

static int count_loads(struct dl_phdr_info *info, size_t size, void *loads)
{
    (void)size;
    *(unsigned long long *)loads = info->dlpi_adds;
    return 1;
}

/* Under the lock. */
static void guard(void)
{
    unsigned long long loads = 0;

    dl_iterate_phdr(count_loads, &loads);
    if (loads == process.loads || process.pid != getpid())
        return;
    on_exit(before_libtorch, NULL);
    process.loads = loads;
}

void fatezero_guard_exit(void)
{
    pthread_mutex_lock(&process.lock);
    guard();
    pthread_mutex_unlock(&process.lock);
}

static void lock_process(void)
{
    pthread_mutex_lock(&process.lock);
}

static void unlock_process(void)
{
    pthread_mutex_unlock(&process.lock);
}

int fatezero_enter(void)
{
    int ending;

    pthread_mutex_lock(&process.lock);
    if (!process.pid) {
        process.pid = getpid();
        atexit(after_libtorch);
        pthread_atfork(lock_process, unlock_process, unlock_process);   // or a child might find it locked for ever
        in_signal_handler();                // what unwinding loads, it loads now
        guard();
    }
    ending = fatezero_ending();
    if (!ending) {
        process.calls++;
        calls++;
    }
    pthread_mutex_unlock(&process.lock);
    return !ending;
}

void fatezero_leave(void)
{
    pthread_mutex_lock(&process.lock);
    guard();
    calls--;
    if (!--process.calls)
        pthread_cond_broadcast(&process.left);
    pthread_mutex_unlock(&process.lock);
}

int fatezero_ending(void)
{
    return atomic_load(&process.ending);
}
