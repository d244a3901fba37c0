/*
 * Tests of how the filter listens in on a host's signals: signals_test, with FATEZERO_HOME naming the stub's folder.
 * The host is this program, with handlers as hosts and other libraries have them.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <libavfilter/avfilter.h>

static int failed;
static const char *test;
static char heard[64];          // the handlers that ran, a letter each
static struct sigaction below;  // what the library found

#define CHECK(condition) do {                                                                   \
        if (!(condition)) {                                                                     \
            failed++;                                                                           \
            fprintf(stderr, "%s, line %d: %s is false\n", test, __LINE__, #condition);          \
        }                                                                                       \
    } while (0)

static void note(char letter)
{
    size_t used = strlen(heard);

    if (used < sizeof(heard) - 1)
        heard[used] = letter;
    else
        signal(SIGTERM, SIG_DFL);       // endless
}

static void on_host(int number)
{
    (void)number;
    note('h');
}

static void on_other(int number)
{
    (void)number;
    note('o');
}

/* Of a library that passes signals on to what it found. */
static void on_library(int number, siginfo_t *info, void *context)
{
    note('l');
    if (strlen(heard) == sizeof(heard) - 1)
        return;
    if (below.sa_flags & SA_SIGINFO)
        below.sa_sigaction(number, info, context);
    else if (below.sa_handler != SIG_DFL && below.sa_handler != SIG_IGN)
        below.sa_handler(number);
}

static void install(void (*handler)(int))
{
    const struct sigaction action = { .sa_handler = handler };

    sigaction(SIGTERM, &action, NULL);
}

/* Installed twice, it does not find itself below. */
static void install_library(void)
{
    const struct sigaction action = { .sa_sigaction = on_library, .sa_flags = SA_SIGINFO };
    struct sigaction found;

    sigaction(SIGTERM, &action, &found);
    if (!(found.sa_flags & SA_SIGINFO) || found.sa_sigaction != on_library)
        below = found;
}

static const char *hear(void)
{
    memset(heard, 0, sizeof(heard));
    raise(SIGTERM);
    return heard;
}

static void (*handler_of(int number))(int)
{
    struct sigaction action;

    sigaction(number, NULL, &action);
    return action.sa_handler;
}

static int handles(void (*handler)(int))
{
    return handler_of(SIGTERM) == handler;
}

static AVFilterGraph *open_graph(void)
{
    AVFilterGraph *graph = avfilter_graph_alloc();
    AVFilterInOut *inputs = NULL, *outputs = NULL;

    CHECK(graph && avfilter_graph_parse2(graph, "testsrc2=s=16x16,fatezero,nullsink", &inputs, &outputs) >= 0 &&
          avfilter_graph_config(graph, NULL) >= 0);
    return graph;
}

int main(void)
{
    AVFilterGraph *graph, *another;

    test = "a host's handler";
    install(on_host);
    graph = open_graph();
    CHECK(!handles(on_host));
    CHECK(!strcmp(hear(), "h"));
    another = open_graph();
    CHECK(!strcmp(hear(), "h"));
    avfilter_graph_free(&graph);
    CHECK(!handles(on_host));
    CHECK(!strcmp(hear(), "h"));
    avfilter_graph_free(&another);
    CHECK(handles(on_host));

    test = "a library that comes between two filters";
    graph = open_graph();
    install_library();
    CHECK(!strcmp(hear(), "lh"));
    avfilter_graph_free(&graph);
    CHECK(!strcmp(hear(), "lh"));
    for (int i = 0; i < 10; i++) {
        graph = open_graph();
        CHECK(!strcmp(hear(), "lh"));
        another = open_graph();
        CHECK(!strcmp(hear(), "lh"));
        avfilter_graph_free(&graph);
        avfilter_graph_free(&another);
        CHECK(!strcmp(hear(), "lh"));
    }

    test = "a library that leaves while a filter lives";
    graph = open_graph();
    sigaction(SIGTERM, &below, NULL);
    CHECK(!strcmp(hear(), "h"));
    avfilter_graph_free(&graph);
    CHECK(handles(on_host));

    test = "a library that installs its handler once more";
    install_library();
    graph = open_graph();
    install_library();
    CHECK(hear()[0] == 'l' && strlen(heard) <= 2);
    avfilter_graph_free(&graph);
    CHECK(hear()[0] == 'l' && strlen(heard) <= 2);

    test = "a host that changes its mind";
    install(on_host);
    graph = open_graph();
    install(on_other);
    CHECK(!strcmp(hear(), "o"));
    avfilter_graph_free(&graph);
    CHECK(handles(on_other));
    graph = open_graph();
    CHECK(!handles(on_other));
    CHECK(!strcmp(hear(), "o"));
    avfilter_graph_free(&graph);
    CHECK(handles(on_other));

    test = "a host that handles nothing";
    install(SIG_IGN);
    graph = open_graph();
    CHECK(handles(SIG_IGN));
    avfilter_graph_free(&graph);
    CHECK(handles(SIG_IGN));

    test = "signals that may mean something else";
    signal(SIGINT, on_host);
    signal(SIGQUIT, on_other);
    signal(SIGXCPU, on_host);
    graph = open_graph();
    CHECK(handler_of(SIGINT) != on_host);
    CHECK(handler_of(SIGQUIT) == on_other);
    CHECK(handler_of(SIGXCPU) != on_host);
    avfilter_graph_free(&graph);
    CHECK(handler_of(SIGINT) == on_host);
    CHECK(handler_of(SIGXCPU) == on_host);

    printf("signals: %d failed\n", failed);
    return failed > 0;
}
