// Renders many kustomizations in one process, for tests that compare them with kustomize's own and
// for benchmarks: kustomize_batch [-n TIMES] ROOT, where all of them are below ROOT.
//
// One request a line on standard input, {"dir": path below ROOT, "order": "fifo", "anywhere": true}
// (the last two optional); one answer a line, {"output": …} or {"error": …}, in the same order.
// With -n each is rendered TIMES times, and the answer is {"ms": the fastest}.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/kustomize.h"

enum { MAX_OUTPUT_BYTES = 1 << 30 };

static int render(struct tree *tree, const json_t *request, struct strbuf *out, struct error *err)
{
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

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static json_t *answer(struct tree *tree, const json_t *request, long times)
{
    double fastest = 0;
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_OUTPUT_BYTES);
    for (long i = 0; i == 0 || i < times; i++) {
        cleanup_error struct error err = {0};
        double start = now_ms();
        strbuf_reset(&out);
        if (render(tree, request, &out, &err) < 0)
            return json_pack("{s:s}", "error", error_message(&err));
        double taken = now_ms() - start;
        fastest = i == 0 || taken < fastest ? taken : fastest;
    }
    if (times > 0)
        return json_pack("{s:f}", "ms", fastest);
    return json_pack("{s:s#}", "output", out.data, (int)out.len);
}

int main(int argc, char **argv)
{
    long times = 0;
    if (argc == 4 && strcmp(argv[1], "-n") == 0) {
        times = strtol(argv[2], NULL, 10);
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
        cleanup_json json_t *result = answer(tree, request, times);
        json_dumpf(result, stdout, 0);
        putchar('\n');
        fflush(stdout);
    }
    free(line);
    return 0;
}
