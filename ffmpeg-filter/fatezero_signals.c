/*
 * This file is part of FFmpeg.
 *
 * FFmpeg is free software; you can redistribute it and/or
 * modify it under the terms of the GNU Lesser General Public
 * License as published by the Free Software Foundation; either
 * version 2.1 of the License, or (at your option) any later version.
 *
 * FFmpeg is distributed in the hope that it will be useful,
 * but WITHOUT ANY WARRANTY; without even the implied warranty of
 * MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the GNU
 * Lesser General Public License for more details.
 *
 * You should have received a copy of the GNU Lesser General Public
 * License along with FFmpeg; if not, write to the Free Software
 * Foundation, Inc., 51 Franklin Street, Fifth Floor, Boston, MA 02110-1301 USA
 */

/**
 * @file
 * signals, as the filter fatezero needs to see them
 */

#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "libavutil/macros.h"
#include "libavutil/thread.h"

#include "vf_fatezero.h"

/*
 * A filter is not told that its host was asked to stop, and a window may take minutes. So while a
 * fatezero filter exists, handlers of its own count the signals by which ffmpeg is asked, and then call
 * the host's, where it has one. Handlers belong to the process, so this is global state.
 *
 * The host may install a handler after ours that calls ours, and ours must then not call that one
 * again. Ours cannot be removed either while another handler calls it. So there are several functions:
 * one that cannot be removed stays installed, and the next filter installs the next.
 */
#define NB_LEVELS 4
/* Java may hang as it starts: then so many signals end the process, as they end ffmpeg, but not within so many seconds. */
#define MOST_HELD 4
#define STARTS_WITHIN 5

/* Hosts other than ffmpeg may use those after the first two for something else. */
static const int signal_numbers[] = { SIGINT, SIGTERM, SIGQUIT, SIGXCPU };
static struct sigaction host_actions[FF_ARRAY_ELEMS(signal_numbers)][NB_LEVELS];
static int nb_levels[FF_ARRAY_ELEMS(signal_numbers)];
static atomic_llong starting_since;
static atomic_int signal_count, nb_starting, nb_held, held[FF_ARRAY_ELEMS(signal_numbers)];
static AVMutex signal_lock = AV_MUTEX_INITIALIZER;
static int nb_listeners;

static void hear(int level, int number, siginfo_t *info, void *context)
{
    struct sigaction top;
    int i = 0;

    while (signal_numbers[i] != number)
        i++;
    atomic_fetch_add(&signal_count, 1);
    /* the host may call exit(), which libraries that are being loaded do not survive */
    atomic_store(&held[i], 1);
    if (atomic_load(&nb_starting)) {
        if (atomic_fetch_add(&nb_held, 1) + 1 >= MOST_HELD && time(NULL) - atomic_load(&starting_since) > STARTS_WITHIN) {
            sigaction(number, &(struct sigaction) { .sa_handler = SIG_DFL }, NULL);
            kill(getpid(), number);
        }
        return;
    }
    if (!atomic_exchange(&held[i], 0))
        return;
    /* a handler that we replaced, and that was installed anew above ours, is calling us: it has run already */
    if (!sigaction(number, NULL, &top))
        while (level >= 0 && host_actions[i][level].sa_sigaction == top.sa_sigaction)
            level--;
    if (level < 0)
        return;
    if (host_actions[i][level].sa_flags & SA_SIGINFO)
        host_actions[i][level].sa_sigaction(number, info, context);
    else
        host_actions[i][level].sa_handler(number);
}

#define LEVEL(n) static void on_signal##n(int number, siginfo_t *info, void *context) { hear(n, number, info, context); }
LEVEL(0)
LEVEL(1)
LEVEL(2)
LEVEL(3)

static void (*const on_signal[NB_LEVELS])(int, siginfo_t *, void *) = { on_signal0, on_signal1, on_signal2, on_signal3 };

/** @return the level of our function that handles a signal, -1 if another does */
static int find_level(int number, struct sigaction *action)
{
    int level = sigaction(number, NULL, action) < 0 || !(action->sa_flags & SA_SIGINFO) ? -1 : NB_LEVELS - 1;

    while (level >= 0 && action->sa_sigaction != on_signal[level])
        level--;
    return level;
}

void ff_fatezero_listen(FatezeroSignals *s)
{
    struct sigaction interrupt = { .sa_handler = SIG_DFL };
    int level;

    ff_mutex_lock(&signal_lock);
    if ((level = find_level(SIGINT, &interrupt)) >= 0)
        interrupt = host_actions[0][level];
    for (int i = 0; !nb_listeners && i < FF_ARRAY_ELEMS(signal_numbers); i++) {
        struct sigaction action = { .sa_handler = SIG_DFL };

        if (find_level(signal_numbers[i], &action) >= 0 || nb_levels[i] == NB_LEVELS ||
            action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN || i > 1 && action.sa_handler != interrupt.sa_handler)
            continue;
        host_actions[i][nb_levels[i]] = action;
        action.sa_sigaction = on_signal[nb_levels[i]++];
        action.sa_flags    |= SA_SIGINFO;
        sigaction(signal_numbers[i], &action, NULL);
    }
    nb_listeners++;
    ff_mutex_unlock(&signal_lock);
    s->listening = 1;
    s->seen      = atomic_load(&signal_count);
}

void ff_fatezero_unlisten(FatezeroSignals *s)
{
    if (!s->listening)
        return;
    ff_mutex_lock(&signal_lock);
    nb_listeners--;
    for (int i = 0; !nb_listeners && i < FF_ARRAY_ELEMS(signal_numbers); i++) {
        struct sigaction action;
        int level;

        while ((level = find_level(signal_numbers[i], &action)) >= 0) {
            sigaction(signal_numbers[i], &host_actions[i][level], NULL);
            nb_levels[i] = level;
        }
    }
    ff_mutex_unlock(&signal_lock);
    s->listening = 0;
}

void ff_fatezero_hold_signals(FatezeroSignals *s)
{
    s->holding = 1;
    if (!atomic_load(&nb_starting)) {
        atomic_store(&nb_held, 0);
        atomic_store(&starting_since, time(NULL));
    }
    atomic_fetch_add(&nb_starting, 1);
}

void ff_fatezero_deliver_signals(FatezeroSignals *s)
{
    if (!s->holding)
        return;
    s->holding = 0;
    if (atomic_fetch_sub(&nb_starting, 1) > 1)
        return;
    for (int i = 0; i < FF_ARRAY_ELEMS(signal_numbers); i++)
        if (atomic_exchange(&held[i], 0))
            kill(getpid(), signal_numbers[i]);
}

int ff_fatezero_interrupted(const FatezeroSignals *s)
{
    return atomic_load(&signal_count) != s->seen;
}
