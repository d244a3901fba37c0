/*
 * Tests of what the filter makes of a graph that its host frees, or sends commands: graph_test, with FATEZERO_HOME naming the stub's folder
 * and LOCPATH that of the locale de_DE.UTF-8.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/dict.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>

static int failed;
static int most_open;          // engines at a time, as the last frame says
static char told[256];          // the last line about lost frames

#define CHECK(condition) do {                                                                   \
        if (!(condition)) {                                                                     \
            failed++;                                                                           \
            fprintf(stderr, "line %d: %s is false; told: %s\n", __LINE__, #condition, told);    \
        }                                                                                       \
    } while (0)

static void on_log(void *of, int level, const char *format, va_list arguments)
{
    char line[sizeof(told)];

    (void)of;
    vsnprintf(line, sizeof(line), format, arguments);
    if (level <= AV_LOG_WARNING && strstr(line, "lost"))
        strcpy(told, line);
}

static AVFilterGraph *open_graph(const char *edit)
{
    char description[256];
    AVFilterGraph *graph = avfilter_graph_alloc();
    AVFilterInOut *inputs = NULL, *outputs = NULL;

    told[0] = '\0';
    snprintf(description, sizeof(description), "buffer@in=width=16:height=16:pix_fmt=rgb24:time_base=1/25,"
             "fatezero=steps=1:%s,buffersink@out", edit);
    CHECK(graph && avfilter_graph_parse2(graph, description, &inputs, &outputs) >= 0 &&
          avfilter_graph_config(graph, NULL) >= 0);
    return graph;
}

static void push_one(AVFilterContext *in, int i)
{
    AVFrame *frame = av_frame_alloc();

    frame->format = AV_PIX_FMT_RGB24;
    frame->width  = frame->height = 16;
    frame->pts    = i;
    CHECK(av_frame_get_buffer(frame, 0) >= 0);
    memset(frame->data[0], 16 * i, frame->linesize[0] * 16);
    CHECK(av_buffersrc_add_frame(in, frame) >= 0);
    av_frame_free(&frame);
}

static void push(AVFilterGraph *graph, int frames)
{
    AVFilterContext *in = avfilter_graph_get_filter(graph, "buffer@in");

    for (int i = 0; i < frames; i++)
        push_one(in, i);
}

/* Frames that wait in the link when a command comes are edited as they would have been. */
static void check_commands(void)
{
    AVFilterGraph *graph = open_graph("window=4:prompt=a");
    AVFilterContext *in = avfilter_graph_get_filter(graph, "buffer@in"), *out = avfilter_graph_get_filter(graph, "buffersink@out");
    AVFrame *frame = av_frame_alloc();
    int got = 0;

    push(graph, 3);
    CHECK(avfilter_graph_send_command(graph, "fatezero", "reinit", "prompt2=b:mix=0.5", NULL, 0, 0) >= 0);
    CHECK(setlocale(LC_NUMERIC, "de_DE.UTF-8")); /* numbers have a comma there, and metadata none */
    for (int i = 3; i < 6; i++)
        push_one(in, i);
    CHECK(av_buffersrc_add_frame(in, NULL) >= 0);
    for (; av_buffersink_get_frame(out, frame) >= 0; got++) {
        const AVDictionaryEntry *mix = av_dict_get(frame->metadata, "lavfi.fatezero.mix", NULL, 0);

        CHECK(got < 3 ? !mix : mix && !strcmp(mix->value, "0.5"));
        av_frame_unref(frame);
    }
    CHECK(got == 6);
    setlocale(LC_NUMERIC, "C");
    av_frame_free(&frame);
    avfilter_graph_free(&graph);
}

/* Until the filter wants more. */
static int pull(AVFilterGraph *graph)
{
    AVFilterContext *out = avfilter_graph_get_filter(graph, "buffersink@out");
    AVFrame *frame = av_frame_alloc();
    int n = 0;

    for (; av_buffersink_get_frame(out, frame) >= 0; n++) {
        const AVDictionaryEntry *open = av_dict_get(frame->metadata, "lavfi.fatezero.most_open", NULL, 0);

        most_open = open ? atoi(open->value) : 0;
        av_frame_unref(frame);
    }
    av_frame_free(&frame);
    return n;
}

/* A command that was queued for a frame is heeded after one that was sent later for later frames. */
static void check_order_of_commands(void)
{
    AVFilterGraph *graph = open_graph("window=4:prompt=a:prompt2=b:mix=0.5");

    push(graph, 6);
    CHECK(avfilter_graph_send_command(graph, "fatezero", "mix", "0", NULL, 0, 0) >= 0);
    CHECK(avfilter_graph_queue_command(graph, "fatezero", "prompt2", "", 0, 2. / 25) >= 0);
    CHECK(av_buffersrc_add_frame(avfilter_graph_get_filter(graph, "buffer@in"), NULL) >= 0);
    CHECK(pull(graph) == 6);
    avfilter_graph_free(&graph);
}

/* Nor does an engine stay open that no frame will be edited with. */
static void check_idle_commands(void)
{
    AVFilterGraph *graph = open_graph("window=4:prompt=a");
    char prompt[16];

    push(graph, 4);
    CHECK(pull(graph) == 0);            // the window is being edited
    for (int i = 0; i < 20; i++) {
        snprintf(prompt, sizeof(prompt), "prompt %d", i);
        CHECK(avfilter_graph_send_command(graph, "fatezero", "prompt", prompt, NULL, 0, 0) >= 0);
    }
    for (int i = 4; i < 8; i++)
        push_one(avfilter_graph_get_filter(graph, "buffer@in"), i);
    CHECK(av_buffersrc_add_frame(avfilter_graph_get_filter(graph, "buffer@in"), NULL) >= 0);
    CHECK(pull(graph) == 8);
    CHECK(most_open > 0 && most_open <= 3);
    avfilter_graph_free(&graph);
}

/* A command may come before the filter is linked. */
static void check_early_command(void)
{
    AVFilterGraph *graph = avfilter_graph_alloc();
    AVFilterContext *edit = NULL;

    CHECK(avfilter_graph_create_filter(&edit, avfilter_get_by_name("fatezero"), "edit", "steps=1", NULL, graph) >= 0);
    CHECK(avfilter_graph_send_command(graph, "edit", "cut", "20", NULL, 0, 0) >= 0);
    avfilter_graph_free(&graph);
}

/* A host may go on with what could not be configured. */
static void check_failed_graph(void)
{
    AVFilterGraph *graph = avfilter_graph_alloc();
    AVFilterInOut *inputs = NULL, *outputs = NULL;

    CHECK(avfilter_graph_parse2(graph, "buffer@in=width=16:height=16:pix_fmt=rgb24:time_base=1/25,"
                                       "fatezero=steps=1:source=throw IOException x,buffersink@out", &inputs, &outputs) >= 0);
    CHECK(avfilter_graph_config(graph, NULL) == AVERROR_INVALIDDATA);
    avfilter_graph_config(graph, NULL);     // whose links libavfilter takes for configured
    push(graph, 1);
    CHECK(pull(graph) == 0);
    avfilter_graph_free(&graph);
}

int main(void)
{
    AVFilterGraph *graph;

    av_log_set_callback(on_log);

    check_commands();
    check_order_of_commands();
    check_idle_commands();
    check_early_command();
    check_failed_graph();

    /* a host that asks ahead, and has all it wants while the second window is edited */
    graph = open_graph("window=8:prompt=sleep 300");
    push(graph, 16);
    CHECK(pull(graph) == 8);
    avfilter_graph_free(&graph);
    CHECK(!told[0]);

    /* a host that makes another graph in the place of one in which frames waited */
    graph = open_graph("window=8:prompt=sleep 300");
    CHECK(strstr(told, "8 frames lost") && strstr(told, "-reinit_filter 0"));
    avfilter_graph_free(&graph);
    graph = open_graph("window=8:prompt=sleep 300");
    CHECK(!told[0]);
    avfilter_graph_free(&graph);

    printf("graphs: %d failed\n", failed);
    return failed > 0;
}
