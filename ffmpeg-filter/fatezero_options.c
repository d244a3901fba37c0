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
 * options of the filter fatezero
 */

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "libavutil/avstring.h"
#include "libavutil/error.h"
#include "libavutil/mem.h"
#include "libavutil/opt.h"

#include "vf_fatezero.h"

#define OFFSET(x) offsetof(FatezeroOptions, x)
#define FLAGS AV_OPT_FLAG_FILTERING_PARAM|AV_OPT_FLAG_VIDEO_PARAM
#define RUNTIME FLAGS|AV_OPT_FLAG_RUNTIME_PARAM
/*
 * The options before cut are the engine's. One that is at its default here is not handed to it: then the preset decides, or else the
 * engine's own default, which the texts name. Those that are FIXED no command changes.
 */
#define CONSTANT(option, name, value, help) { name, help, 0, AV_OPT_TYPE_CONST, { .i64 = value }, 0, 0, FLAGS, option }
#define AUTO(option, help)                  CONSTANT(option, "auto", -1, help)
#define STRING_OPTION(name, field, value, help, flags) { name, help, OFFSET(field), AV_OPT_TYPE_STRING, { .str = value }, 0, 0, flags }
#define STRING(name, field, value, help)       STRING_OPTION(name, field, value, help, RUNTIME)
#define FIXED_STRING(name, field, value, help) STRING_OPTION(name, field, value, help, FLAGS)
#define NUMBER(name, field, most, help)     { name, help, OFFSET(field), AV_OPT_TYPE_DOUBLE, { .dbl = -1 }, -1, most, RUNTIME, name }
#define INTEGER_OPTION(name, field, most, help, flags) { name, help, OFFSET(field), AV_OPT_TYPE_INT, { .i64 = -1 }, -1, most, flags, name }
#define INTEGER(name, field, most, help)       INTEGER_OPTION(name, field, most, help, RUNTIME)
#define FIXED_INTEGER(name, field, most, help) INTEGER_OPTION(name, field, most, help, FLAGS)
#define FLAG_OPTION(name, field, value, help, flags) { name, help, OFFSET(field), AV_OPT_TYPE_BOOL, { .i64 = value }, value, 1, flags }
#define FLAG(name, field, help)                FLAG_OPTION(name, field, -1, help, RUNTIME)
#define FIXED_FLAG(name, field, help)          FLAG_OPTION(name, field, 0, help, FLAGS)

const AVOption ff_fatezero_options[] = {
    STRING("preset",        preset, NULL,  "preset's name, or a file (default watercolor, without a prompt)"),
    FIXED_STRING("presets",       presets, NULL, "preset|preset, several edits with an output each (default none)"),
    FIXED_STRING("edit",          edit, "auto",
                 "of a configuration file, number of the prompt, or several as 1|2; auto is the first edit"),
    STRING("prompt",        prompt, NULL,  "what the edited video shows (default from the preset)"),
    STRING("prompt2",       prompt2, NULL, "what it shows where mix is 1 (default none)"),
    STRING("source",        source, NULL,  "what the video shows (default auto, described by its frames)"),
    FIXED_STRING("captioner",     captioner, "auto", "BLIP model that describes it, a folder or hub name; auto is the model's own"),
    STRING("from",          from, NULL,    "words of the source that the preset changes (default none)"),
    STRING("to",            to, NULL,      "what it changes them to (default nothing)"),
    FIXED_STRING("promptfile",    promptfile, NULL, "text file, its first line the prompt, its second the source (default none)"),
    STRING("negative",      negative, NULL, "what the edited video should not show (default nothing)"),
    FIXED_STRING("model",         model, "pocket",
                 "folder, .safetensors file or hub name of a Stable Diffusion 1.x model; pocket is built in"),
    FIXED_STRING("lora",          lora, NULL,
                 "file+file, LoRAs merged into the model, each with :scale if not 1 (default none)"),
    FIXED_STRING("device",        device, "auto", "auto, cpu, cuda or cuda:N, a card once make gpu was run"),
    FIXED_INTEGER("precision",    precision, 2,  "of the UNet's numbers"),
        AUTO("precision", "half where the device computes in it"),
        CONSTANT("precision", "fp32", 0, "single"),
        CONSTANT("precision", "fp16", 1, "half, on a card"),
        CONSTANT("precision", "bf16", 2, "bfloat16: half, with the range of single"),
    FIXED_INTEGER("window",       window_size, 128, "frames edited together, 1 to 128"),
        AUTO("window", "the preset's, or 8"),
    INTEGER("speed",        speed, 1,      "a choice of steps and solver"),
        AUTO("speed", "as the paper has it (default exact)"),
        CONSTANT("speed", "exact", 0, "steps=50 and solver=ddim, unless they are set"),
        CONSTANT("speed", "fast", 1, "a third of the time: steps=13 and solver=implicit, unless they are set"),
    INTEGER("steps",        steps, 1000,   "steps of inversion, and of editing, 1 to 1000"),
        AUTO("steps", "the preset's, or 50"),
    INTEGER("solver",       solver, 1,     "how the source is inverted"),
        AUTO("solver", "the preset's, or ddim"),
        CONSTANT("solver", "ddim", 0, "as in the paper"),
        CONSTANT("solver", "implicit", 1, "each step solved for where denoising starts: as near with fewer steps"),
    NUMBER("guidance",      guidance, 50,  "how strongly the prompt pulls, 1 to 50; 0 as the model says, usually 7.5"),
        AUTO("guidance", "the preset's, or 0"),
    STRING("guidance_interval", guidance_interval, "auto",
           "share of the steps, from the noisiest, that are guided; auto is the preset's, or 1"),
    NUMBER("strength",      strength, 1,   "0 the source as it is, 0.5 what the preset says, 1 the prompt alone"),
        AUTO("strength", "the preset's, or 0.5"),
    NUMBER("start",         start, 1,      "noise that the edit starts from, 0 none to 1 all"),
        AUTO("start", "the preset's, or 1"),
    NUMBER("forget",        forget, 1,     "share of the source's broad colours that this noise loses where the edit is free, 0 to 1"),
        AUTO("forget", "the preset's, or 0"),
    STRING("self_replace",  self_replace, "auto", "share of the steps that keep the source's self-attention; auto is the preset's, or 0.8"),
    STRING("cross_replace", cross_replace, "auto",
           "share of the steps that keep the source's cross-attention; auto is the preset's, or 0.8"),
    INTEGER("control",      control, 1,    "how the words of both prompts are matched"),
        AUTO("control", "the preset's, or refine"),
        CONSTANT("control", "refine", 0, "words that both have are aligned"),
        CONSTANT("control", "replace", 1, "word by word, of as many"),
    STRING("emphasize",     emphasize, NULL, "word=factor+word=factor, words made stronger or weaker (default none)"),
    STRING("blend",         blend, NULL,   "word+word, the edit is confined to where they look (default everywhere)"),
    STRING("threshold",     threshold, "auto",
           "how surely they must look there, 0 to 2, or one for each region as 0.3|0.4; auto is the preset's, or 0.3"),
    FLAG("blend_pool",      blend_pool,    "blend takes in the cells around, too; auto is the preset's, or 1"),
    FLAG("blend_attention", blend_attention, "blend confines self-attention, too; auto is the preset's, or 1"),
    STRING("blend_latents", blend_latents, "auto",
           "steps, as 0.2-1 of all, after which the source is put back outside of blend; 1 is 0.2-0.8; 0.2-1 with blend and without "
           "parity, unless it is set here or in the preset; otherwise auto is the preset's, or 0"),
    FLAG("blend_pixels",    blend_pixels,
         "the frame's own pixels return where the edit leaves the picture alone; auto is the preset's, or 1"),
    NUMBER("confine",       confine, 1,    "0 the prompt's words look anywhere to 1 in their region of blend alone"),
        AUTO("confine", "the preset's, or 0"),
    FIXED_FLAG("mask",      mask,
               "a second input of gray frames says where anything, or blend's first region, is edited (default 0)"),
    STRING("keys",          keys, "auto",  "frames that every frame attends to; auto is the preset's, or anchor"),
    FIXED_INTEGER("anchor",       anchor, 127,   "frame of each shot, from 0, that all others may attend to"),
        AUTO("anchor", "the preset's, or 3"),
    STRING("keys_at",       keys_at, "auto",
           "widest attention, in cells at the model's own size, or 640ch and deeper, that sees other frames; "
           "auto is the preset's, or 32"),
    INTEGER("fuse_at",      fuse_at, 4096, "widest attention, in cells at the model's own size, that is kept from the source"),
        AUTO("fuse_at", "the preset's, or 32"),
    NUMBER("steady",        steady, 1,
           "against flicker, how far a frame is drawn to the one before it along the source's motion, 0 to 1"),
        AUTO("steady", "the preset's, or 0.7"),
    NUMBER("detail",        detail, 1,
           "of what frames lose where they are edited at a smaller size, how much the edit gets back, 0 to 1"),
        AUTO("detail", "the preset's, or 1"),
    INTEGER("method",       method, 1,     "how the edit takes after the source"),
        AUTO("method", "the preset's, or fatezero"),
        CONSTANT("method", "fatezero", 0, "attention is fused"),
        CONSTANT("method", "infusion", 1, "features, keys and values are injected first"),
    STRING("inject",        inject, "auto", "of infusion, share of the steps with the source's features; auto is the preset's, or 0"),
    STRING("inject_at",     inject_at, "auto",
           "block+block, the decoder's residual blocks that they are of; auto is the preset's, or up1.1"),
    NUMBER("inject_weight", inject_weight, 1, "0 the edit's features to 1 the source's"),
        AUTO("inject_weight", "the preset's, or 1"),
    STRING("inject_kv",     inject_kv, "auto",
           "of infusion, share of the steps with the source's keys and values; auto is the preset's, or 0"),
    INTEGER("fuse",         fuse, 1,       "what of the source's self-attention is fused"),
        AUTO("fuse", "the preset's, or maps"),
        CONSTANT("fuse", "maps", 0, "its maps, for the edit's values"),
        CONSTANT("fuse", "outputs", 1, "its maps and values"),
    INTEGER("attention",    attention, 1,  "where the source's attention is taken"),
        AUTO("attention", "the preset's, or inversion"),
        CONSTANT("attention", "inversion", 0, "as in the paper"),
        CONSTANT("attention", "reconstruction", 1, "as was usual before it"),
    INTEGER("norm",         norm, 1,       "what is normalised together"),
        AUTO("norm", "the preset's, or frame"),
        CONSTANT("norm", "frame", 0, "each frame by itself"),
        CONSTANT("norm", "window", 1, "all, as in the authors' code"),
    FLAG("parity",          parity,        "follow the authors' code to the letter; auto is the preset's, or 0"),
    INTEGER("size",         size, 4096,    "short side of the picture that is edited, in pixels; 0 is the model's own"),
        AUTO("size", "the preset's, or 0"),
    INTEGER("store",        store, 1,      "what becomes of what attention needs of the source"),
        AUTO("store", "kept if it takes no more than half of the free memory"),
        CONSTANT("store", "keep", 0, "it is kept in memory"),
        CONSTANT("store", "recompute", 1, "it is made once more beside the edit"),
    FIXED_STRING("inversion",     inversion, NULL, "folder that inversions and edits are kept in, to go on with them (default none)"),
    NUMBER("cache_limit",   cache_limit, 1000000, "of that folder, in GB; those files go that were not used for longest; 0 is none"),
        AUTO("cache_limit", "none (default 0)"),
    STRING("show",          show, "edit",  "edit, mask, compare or attention=word, what is seen of it"),

    /* the filter's own */
    { "cut", "a shot begins where the score of scdet, 0 to 100, is at least this; 0 for never", OFFSET(cut), AV_OPT_TYPE_DOUBLE,
        { .dbl = 10 }, 0, 100, RUNTIME },
    { "mix", "how far a frame has moved from prompt to prompt2, 0 to 1: an expression of its time t and number n", OFFSET(mix),
        AV_OPT_TYPE_STRING, { .str = "0" }, 0, 0, RUNTIME },
    { "on_error", "what becomes of frames whose edit fails", OFFSET(on_error), AV_OPT_TYPE_INT,
        { .i64 = ON_ERROR_FAIL }, ON_ERROR_FAIL, ON_ERROR_PASS, RUNTIME, "on_error" },
        { "fail", "stop with an error",  0, AV_OPT_TYPE_CONST, { .i64 = ON_ERROR_FAIL }, 0, 0, RUNTIME, "on_error" },
        { "pass", "pass them unedited",  0, AV_OPT_TYPE_CONST, { .i64 = ON_ERROR_PASS }, 0, 0, RUNTIME, "on_error" },
    { NULL }
};

/** @return an option's value as the engine reads it, whatever the host's locale, to be freed; NULL for lack of memory */
static char *value_text(const FatezeroOptions *s, const AVOption *option)
{
    const void *field = (const uint8_t *)s + option->offset;
    const AVOption *constant = NULL;

    if (option->type == AV_OPT_TYPE_STRING)
        return av_strdup(*(char *const *)field);
    if (option->type == AV_OPT_TYPE_DOUBLE)
        return av_asprintf("%"PRId64"E-9", (int64_t)llrint(*(const double *)field * 1e9));
    while (option->unit && (constant = av_opt_next(s, constant)))
        if (constant->type == AV_OPT_TYPE_CONST && !strcmp(constant->unit, option->unit) &&
            constant->default_val.i64 == *(const int *)field)
            return av_strdup(constant->name);
    return av_asprintf("%d", *(const int *)field);
}

void ff_fatezero_free_settings(char ***settings)
{
    for (char **next = *settings; next && *next; next++)
        av_free(*next);
    av_freep(settings);
}

char **ff_fatezero_settings(const FatezeroOptions *s)
{
    const AVOption *option = NULL;
    char **settings, **next;
    int nb_options = 0;

    while ((option = av_opt_next(s, option)))
        nb_options++;
    next = settings = av_calloc(2 * nb_options + 1, sizeof(*settings));
    while (settings && (option = av_opt_next(s, option)) && option->offset != OFFSET(cut)) {
        if (option->type == AV_OPT_TYPE_CONST || av_opt_is_set_to_default((void *)s, option) > 0)
            continue;
        if (!(*next++ = av_strdup(option->name)) || !(*next++ = value_text(s, option)))
            ff_fatezero_free_settings(&settings);
    }
    return settings;
}

/** Gives an option its default again. */
static int take_back(FatezeroOptions *s, const AVOption *option)
{
    void *field = (uint8_t *)s + option->offset;

    switch (option->type) {
    case AV_OPT_TYPE_STRING:
        av_freep(field);
        return option->default_val.str && !(*(char **)field = av_strdup(option->default_val.str)) ? AVERROR(ENOMEM) : 0;
    case AV_OPT_TYPE_DOUBLE:
        *(double *)field = option->default_val.dbl;
        return 0;
    default:
        *(int *)field = option->default_val.i64;
        return 0;
    }
}

int ff_fatezero_set_option(AVFilterContext *ctx, FatezeroOptions *s, const char *name, const char *value)
{
    const AVOption *option = av_opt_find(s, name, NULL, 0, 0);
    int ret;

    if (!option)
        return AVERROR(ENOSYS);
    if (!(option->flags & AV_OPT_FLAG_RUNTIME_PARAM)) {
        av_log(ctx, AV_LOG_ERROR, "%s cannot change as the filter runs; ffmpeg -h filter=fatezero marks what can with a T\n", name);
        return AVERROR(EINVAL);
    }
    if (*value)
        ret = av_opt_set(s, name, value, 0);
    else
        ret = take_back(s, option);
    return ret < 0 ? ret : option->offset < OFFSET(cut);
}

int ff_fatezero_set_options(AVFilterContext *ctx, FatezeroOptions *s, const char *values)
{
    int engines = 0, ret = 0;

    while (*values && ret >= 0) {
        char *name, *value;

        if ((ret = av_opt_get_key_value(&values, "=", ":", 0, &name, &value)) < 0) {
            av_log(ctx, AV_LOG_ERROR, "reinit %s: expected option=value, and more behind colons\n", values);
            break;
        }
        values += !!*values;
        ret = ff_fatezero_set_option(ctx, s, name, value);
        if (ret == AVERROR(ENOSYS))
            av_log(ctx, AV_LOG_ERROR, "reinit: %s is no option of the filter\n", name);
        engines |= ret;
        av_free(name);
        av_free(value);
    }
    return ret < 0 ? ret : engines;
}
