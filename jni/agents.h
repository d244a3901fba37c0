/*
 * The user's agents, tried in another process.
 */
#ifndef FATEZERO_AGENTS_H
#define FATEZERO_AGENTS_H

#include <stddef.h>

/** Argument of this library as an agent that is to end its process, with this status. */
#define FATEZERO_LAST_AGENT    "last"
#define FATEZERO_AGENTS_LOADED 99

/**
 * Whether the agents in the variables of the environment can be loaded; true where it cannot be tried.
 *
 * @param library path of libjvm
 * @param said of @p size bytes, what they print where they cannot
 */
int fatezero_agents_load(const char *library, char *said, size_t size);

#endif /* FATEZERO_AGENTS_H */
