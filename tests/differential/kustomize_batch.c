// Renders many kustomizations in one process, for tests that compare them with kustomize's own and
// for benchmarks: kustomize_batch [-n TIMES] ROOT, where all of them are below ROOT.
//
// One request a line on standard input, {"dir": path below ROOT, "order": "fifo", "anywhere": true}
// (the last two optional); one answer a line, {"output": …} or {"error": …}, in the same order.
// {"url": …} asks how the URL of a remote base is taken apart: repository, path and ref, a line
// each.
// With -n each is rendered once and then TIMES times more as the packager does, from the files to
// the bytes of every object in its artifact, and nothing is kept from one time to the next. The
// answer is {"ms": the fastest, "median_ms": …, "cpu_ms": the least time of the processor,
// "memory": bytes at the most, beyond those that the process held before these times, "bytes": of
// output}.
#include <jansson.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/frame.h"
#include "render/kustomize/kustomize.h"
#include "render/kustomize/origin.h"
#include "render/render.h"

enum { MAX_OUTPUT_BYTES = 1 << 30, MAX_OBJECTS = 200000 };

static int take_apart(const char *url, struct strbuf *out, struct error *err)
{
    struct frame top = {.origin = (char[]){""}};
    cleanup_frame struct frame base = {0};
    origin_enter(&top, url, &base);
    if (base.origin_repository == NULL)
        return error_set(err, ERROR_INVALID, "no repository");
    return strbuf_addf(out, "%s\n%s\n%s\n", base.origin_repository, base.origin, base.origin_ref);
}

static int render(struct tree *tree, const json_t *request, struct strbuf *out, struct error *err)
{
    if (jval_string(request, "url") != NULL)
        return take_apart(jval_string(request, "url"), out, err);
    const struct kustomize_options options = {
        .order = strcmp(jval_string_or(request, "order", ""), "fifo") == 0 ? KUSTOMIZE_ORDER_FIFO
                                                                           : KUSTOMIZE_ORDER_LEGACY,
        .unrestricted = jval_bool(request, "anywhere", false),
    };
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    if (kustomize_build(tree, jval_string_or(request, "dir", ""), &options, &objects, &warnings,
                        err) < 0)
        return -1;
    return kustomize_print(&objects, out, err);
}

static double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static json_t *answer(struct tree *tree, const json_t *request)
{
    cleanup_strbuf struct strbuf out;
    cleanup_error struct error err = {0};
    strbuf_init(&out, MAX_OUTPUT_BYTES);
    if (render(tree, request, &out, &err) < 0)
        return json_pack("{s:s}", "error", error_message(&err));
    return json_pack("{s:s#}", "output", out.data, (int)out.len);
}

// "VmRSS" or "VmHWM", the most so far. (getrusage counts from before the exec.)
static double memory(const char *name)
{
    char line[256];
    double kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtod(line + strlen(name) + 1, NULL);
    if (status != NULL)
        fclose(status);
    return kib * 1024;
}

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

// As the packager does; *ret_bytes as `sealift render` prints them.
static int package(struct tree *tree, const json_t *request, json_int_t *ret_bytes,
                   struct error *err)
{
    const struct render_options options = {
        .type = RENDER_KUSTOMIZE,
        .max_objects = MAX_OBJECTS,
        .max_bytes = MAX_OUTPUT_BYTES,
    };
    cleanup_render_result struct render_result result = {0};
    if (render_tree(tree, jval_string_or(request, "dir", ""), &options, &result, err) < 0)
        return -1;
    *ret_bytes = 0;
    vec_foreach (const struct render_object, object, &result.objects)
        *ret_bytes += (json_int_t)(object->yaml_size + strlen("---\n"));
    return 0;
}

// Renders once, so that code is read already, gives back what is free, and begins to watch for the
// most memory anew (proc(5), clear_refs). *ret_before is what stays held.
static int warm(struct tree *tree, const json_t *request, double *ret_before)
{
    json_int_t bytes = 0;
    if (package(tree, request, &bytes, NULL) < 0)
        return -1;
    malloc_trim(0);
    FILE *peak = fopen("/proc/self/clear_refs", "w");
    if (peak == NULL)
        return -1;
    bool reset = fputs("5", peak) >= 0;
    reset = fclose(peak) == 0 && reset;
    *ret_before = memory("VmRSS");
    return reset ? 0 : -1;
}

static json_t *measure(struct tree *tree, const json_t *request, size_t times)
{
    cleanup_free double *taken = xcalloc(times, sizeof *taken);
    cleanup_free double *used = xcalloc(times, sizeof *used);
    json_int_t bytes = 0;
    double before = 0;
    if (warm(tree, request, &before) < 0)
        return json_pack("{s:s}", "error", "it cannot be rendered, or its memory not be measured");
    for (size_t i = 0; i < times; i++) {
        cleanup_error struct error err = {0};
        double start = clock_ms(CLOCK_MONOTONIC);
        double start_used = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        if (package(tree, request, &bytes, &err) < 0)
            return json_pack("{s:s}", "error", error_message(&err));
        taken[i] = clock_ms(CLOCK_MONOTONIC) - start;
        used[i] = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - start_used;
    }
    qsort(taken, times, sizeof *taken, compare_numbers);
    qsort(used, times, sizeof *used, compare_numbers);
    return json_pack("{s:f, s:f, s:f, s:f, s:I}", "ms", taken[0], "median_ms", taken[times / 2],
                     "cpu_ms", used[0], "memory", memory("VmHWM") - before, "bytes", bytes);
}

int main(int argc, char **argv)
{
    size_t times = 0;
    if (argc == 4 && strcmp(argv[1], "-n") == 0) {
        times = strtoul(argv[2], NULL, 10);
        argv += 2;
        argc -= 2;
    }
    if (argc != 2) {
        fprintf(stderr, "usage: kustomize_batch [-n TIMES] ROOT\n");
        return 2;
    }
    cleanup_tree struct tree *tree = NULL;
    cleanup_error struct error err = {0};
    if (tree_open_dir(argv[1], &tree, &err) < 0) {
        fprintf(stderr, "%s\n", error_message(&err));
        return 1;
    }
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        cleanup_json json_t *request = json_loads(line, 0, NULL);
        cleanup_json json_t *result =
            times > 0 ? measure(tree, request, times) : answer(tree, request);
        json_dumpf(result, stdout, 0);
        putchar('\n');
        fflush(stdout);
    }
    free(line);
    return 0;
}
