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
 * the thread in which the filter fatezero edits: everything of libtorch happens where no handler of the host's can interrupt it
 */

#include <pthread.h>
#include <signal.h>

#include "libavutil/error.h"
#include "libavutil/log.h"
#include "libavutil/macros.h"

#include "vf_fatezero.h"

static void *work(void *opaque)
{
    FatezeroWorker *w = opaque;

    pthread_mutex_lock(&w->lock);
    while (w->state != WORKER_LEAVING) {
        if (w->state == WORKER_BUSY) {
            pthread_mutex_unlock(&w->lock);
            w->task(w->ctx);
            pthread_mutex_lock(&w->lock);
            w->state = WORKER_FINISHED;
            pthread_cond_signal(&w->changed);
        } else {
            pthread_cond_wait(&w->changed, &w->lock);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int ff_fatezero_start_worker(FatezeroWorker *w, AVFilterContext *ctx, void (*task)(AVFilterContext *ctx))
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT };
    sigset_t set, old;
    int ret;

    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    sigfillset(&set);
    for (int i = 0; i < FF_ARRAY_ELEMS(own); i++)
        sigdelset(&set, own[i]);
    w->ctx   = ctx;
    w->task  = task;
    w->state = WORKER_BUSY;
    pthread_sigmask(SIG_BLOCK, &set, &old);
    ret = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (ret) {
        av_log(ctx, AV_LOG_ERROR, "no thread can be started to edit in (%s); raise the limit of processes (ulimit -u)\n",
               av_err2str(AVERROR(ret)));
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->lock);
    }
    w->is_there = !ret;
    return AVERROR(ret);
}

void ff_fatezero_set_state(FatezeroWorker *w, enum FatezeroState state)
{
    pthread_mutex_lock(&w->lock);
    while (w->state == WORKER_BUSY)
        pthread_cond_wait(&w->changed, &w->lock);
    w->state = state;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void ff_fatezero_give(FatezeroWorker *w, void (*task)(AVFilterContext *ctx))
{
    ff_fatezero_set_state(w, WORKER_IDLE);
    w->task = task;
    ff_fatezero_set_state(w, WORKER_BUSY);
}

int ff_fatezero_is_finished(FatezeroWorker *w)
{
    int finished;

    pthread_mutex_lock(&w->lock);
    finished = w->state == WORKER_FINISHED;
    pthread_mutex_unlock(&w->lock);
    return finished;
}

void ff_fatezero_end_worker(FatezeroWorker *w, void (*task)(AVFilterContext *ctx))
{
    if (!w->is_there)
        return;
    ff_fatezero_give(w, task);
    ff_fatezero_set_state(w, WORKER_LEAVING);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    w->is_there = 0;
}
