/*
 * Agents of the user's, such as a debugger's, which the virtual machine loads while it starts. One that does not like its arguments
 * calls exit(), which would end the host. So where there are any, the program java loads them first: its last agent is this library,
 * which ends it before anything else starts, so no port is opened and no debugger waited for.
 */
#define _GNU_SOURCE             // dladdr, pipe2, environ

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents.h"
#include "jvm.h"

#define PATIENCE 20000          // milliseconds

static int is_java_variable(const char *entry)
{
    static const char *const names[] = { "JAVA_TOOL_OPTIONS=", "_JAVA_OPTIONS=", "JDK_JAVA_OPTIONS=" };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!strncmp(entry, names[i], strlen(names[i])))
            return 1;
    return 0;
}

/* Appends options, with -XrunNAME:ARGUMENTS, which comes after all agents, as -agentlib:NAME=ARGUMENTS, which is the same. */
static char *append(char *to, const char *options)
{
    while (options && *options) {
        if (!strncmp(options, "-Xrun", 5)) {
            size_t name = strcspn(options += 5, ": \t\n");
            to += sprintf(to, "-agentlib:%.*s", (int)name, options);
            options += name;
            if (*options == ':')
                *to++ = '=', options++;
        } else {
            *to++ = *options++;
        }
    }
    return to;
}

/* The environment with the options of both variables in the one whose agents come before those of the command line. To be freed,
 * as its first entry. */
static char **environment(void)
{
    const char *first = getenv("JAVA_TOOL_OPTIONS"), *last = getenv("_JAVA_OPTIONS");
    char **result, *to;
    int n = 0, m = 1;

    while (environ[n])
        n++;
    if (!(result = calloc(n + 2, sizeof(*result))))
        return NULL;
    if (!(result[0] = malloc(64 + 2 * ((first ? strlen(first) : 0) + (last ? strlen(last) : 0))))) {     // -Xrun gets 5 longer
        free(result);
        return NULL;
    }
    to = append(append(result[0], "JAVA_TOOL_OPTIONS="), first);
    *to++ = ' ';
    *append(to, last) = '\0';
    for (int i = 0; i < n; i++)
        if (!is_java_variable(environ[i]))
            result[m++] = environ[i];
    return result;
}

/* Starts java, whose output goes to the pipe. @return its id, -1 if it cannot be started */
static pid_t start(const char *java, const char *agent, char **variables, int output)
{
    char *const arguments[] = { (char *)java, (char *)agent, "-version", NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid;

    if (posix_spawn_file_actions_init(&files))
        return -1;
    if (posix_spawnattr_init(&attributes)) {
        posix_spawn_file_actions_destroy(&files);
        return -1;
    }
    sigemptyset(&none);
    if (posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) || posix_spawn_file_actions_adddup2(&files, output, 1) ||
        posix_spawn_file_actions_adddup2(&files, output, 2) || posix_spawnattr_setsigmask(&attributes, &none) ||
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) || posix_spawn(&pid, java, &files, &attributes, arguments, variables))
        pid = -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

/* What comes through the pipe until it is closed; what there is no room for is lost. */
static void gather(int input, char *said, size_t size)
{
    struct pollfd ready = { .fd = input, .events = POLLIN };
    char part[512];
    ssize_t n;

    *said = '\0';
    while (poll(&ready, 1, PATIENCE) > 0 && (n = read(input, part, sizeof(part))) > 0) {
        size_t used = strlen(said);
        snprintf(said + used, size - used, "%.*s", (int)n, part);
    }
}

int fatezero_agents_load(const char *library, char *said, size_t size)
{
    static const char below_home[] = "/lib/server/libjvm.so";
    const char *end = strstr(library, below_home);
    char java[PATH_MAX], agent[PATH_MAX + 32] = "-agentpath:", **variables;
    int ends[2], status = 0;
    pid_t pid, ended = -1;
    Dl_info self;

    if (!fatezero_user_sets("-agent") && !fatezero_user_sets("-javaagent") && !fatezero_user_sets("-Xrun"))
        return 1;
    if (!end || snprintf(java, sizeof(java), "%.*s/bin/java", (int)(end - library), library) >= (int)sizeof(java) ||
        !dladdr((void *)fatezero_agents_load, &self) || !realpath(self.dli_fname, agent + strlen(agent)) || strchr(agent, '='))
        return 1;
    strcat(agent, "=" FATEZERO_LAST_AGENT);
    if (!(variables = environment()))
        return 1;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        free(variables[0]);
        free(variables);
        return 1;
    }
    pid = start(java, agent, variables, ends[1]);
    close(ends[1]);
    free(variables[0]);
    free(variables);
    if (pid > 0) {
        gather(ends[0], said, size);
        kill(pid, SIGKILL);                             // it has ended, or its time is over
        while ((ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
    // it was not tried where no process can be started, or where the host does not want to know of its children
    return ended < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == FATEZERO_AGENTS_LOADED;
}
