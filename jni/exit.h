/*
 * A safe end of the process while libtorch is loaded.
 */
#ifndef FATEZERO_EXIT_H
#define FATEZERO_EXIT_H

#include <signal.h>

/**
 * A call of the library begins. Each that begins ends with fatezero_leave().
 *
 * @return 0 if the process ends: then it has not begun
 */
int fatezero_enter(void);

void fatezero_leave(void);

/** @return whether the process ends, so that calls should */
int fatezero_ending(void);

/** Guards the end of the process against the libraries that were loaded since this was last called. */
void fatezero_guard_exit(void);

/** Blocks the signals that a host may handle, for threads that are to be started. @param old to set again afterwards */
void fatezero_block_signals(sigset_t *old);

#endif /* FATEZERO_EXIT_H */
