#include "cli/textdiff.h"

#include <git2.h>

#include <string.h>

static int add_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
                    const git_diff_line *line, void *arg)
{
    (void)delta;
    (void)hunk;
    struct strbuf *out = arg;
    bool has_origin = line->origin == GIT_DIFF_LINE_CONTEXT ||
                      line->origin == GIT_DIFF_LINE_ADDITION ||
                      line->origin == GIT_DIFF_LINE_DELETION;
    if (has_origin)
        strbuf_addch(out, line->origin);
    return strbuf_add(out, line->content, line->content_len);
}

int textdiff(const struct textdiff_side *before, const struct textdiff_side *after,
             struct strbuf *out, struct error *err)
{
    if (before->size == after->size && before->name != NULL && after->name != NULL &&
        (before->size == 0 || memcmp(before->data, after->data, before->size) == 0))
        return 0;
    git_diff_options options;
    git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_FORCE_TEXT;
    git_patch *patch = NULL;
    git_libgit2_init();
    int failed = git_patch_from_buffers(
        &patch, before->name != NULL ? before->data : NULL, before->size,
        before->name != NULL ? before->name : after->name, after->name != NULL ? after->data : NULL,
        after->size, after->name != NULL ? after->name : before->name, &options);
    if (failed == 0)
        failed = git_patch_print(patch, add_line, out);
    git_patch_free(patch);
    git_libgit2_shutdown();
    if (failed != 0)
        return out->overflowed ? strbuf_check(out, "the diff", err)
                               : error_set(err, ERROR_INTERNAL, "cannot compare %s",
                                           after->name != NULL ? after->name : before->name);
    return 0;
}
