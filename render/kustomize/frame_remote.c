// Kustomizations and files that stand elsewhere: looked up in what was brought for this build, and
// noted as wanted where they are missing. The rules are kustomize's (api/internal/loader): a
// repository is a tree of its own that nothing in it leads out of, and one that is already being
// built under the same URL is a circle.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/frame.h"
#include "render/kustomize/frame_internal.h"
#include "render/kustomize/remote_spec.h"
#include "render/remote.h"

enum { MAX_PLACE_BYTES = 256 << 10 };

char *frame_name(const struct frame *frame, const char *path)
{
    if (frame->remote == NULL)
        return xstrdup(path);
    return xasprintf("%s//%s", frame->remote->name, path);
}

static void add_place(struct strbuf *text, const struct frame *frame)
{
    cleanup_free char *field = NULL;
    if (frame->parent != NULL) {
        add_place(text, frame->parent);
        strbuf_addstr(text, ": ");
    }
    if (frame->field != NULL)
        field = kustomization_place_item(&frame->kustomization, frame->field, frame->index);
    strbuf_addstr(text, field != NULL ? field : frame->kustomization.file);
}

char *frame_place(const struct frame *frame)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, MAX_PLACE_BYTES);
    add_place(&text, frame);
    return strbuf_steal(&text);
}

int frame_refuse_remote(const char *text, struct error *err)
{
    cleanup_free char *name = remote_name(text);
    return error_set(err, ERROR_INVALID,
                     "%s is not in this tree, and this build fetches nothing; commit a copy "
                     "(kustomize localize makes one) and name that",
                     name);
}

static int want(const struct frame *frame, struct remote *wanted, struct error *err)
{
    cleanup_free char *place = frame_place(frame);
    wanted->place = place;
    wanted->asker = frame->remote;
    return remotes_want(frame->build->options->remotes, wanted, err);
}

static int not_here(const char *text, bool *ret_missing, struct error *err)
{
    cleanup_free char *name = remote_name(text);
    *ret_missing = true;
    return error_set(err, ERROR_UNAVAILABLE, "%s was not fetched yet", name);
}

// A repository that names itself, or a URL that its own begins with, would never end.
static int check_circle(const struct frame *parent, const char *text, struct error *err)
{
    unsigned depth = 0;
    for (const struct frame *frame = parent; frame != NULL; frame = frame->parent) {
        if (frame->remote_text == NULL)
            continue;
        if (++depth >= REMOTES_MAX_DEEP)
            return error_set(err, ERROR_LIMIT, "more than %d repositories in one another",
                             REMOTES_MAX_DEEP);
        if (strncmp(frame->remote_text, text, strlen(text)) != 0)
            continue;
        cleanup_free char *name = remote_name(text);
        cleanup_free char *other = remote_name(frame->remote_text);
        return error_set(err, ERROR_INVALID,
                         "the remote bases form a circle: %s is being built already, as %s", name,
                         other);
    }
    return 0;
}

static int find_folder(const struct remote *remote, const char *path, char **ret_dir,
                       struct error *err)
{
    enum tree_kind kind = TREE_OTHER;
    if (tree_resolve(remote->tree, path, ret_dir, &kind, err) < 0)
        return error_wrap(err, "%s", remote->name);
    if (kind == TREE_DIRECTORY)
        return 0;
    free(STEAL(*ret_dir));
    return error_set(err, ERROR_INVALID, "%s: %s is %s; a base is named by its folder",
                     remote->name, path,
                     kind == TREE_FILE ? "a file" : "a submodule, which is not fetched");
}

int frame_open_remote(const struct frame *parent, const char *text, const struct remote_spec *spec,
                      struct frame *ret_frame, bool *ret_missing, struct error *err)
{
    const struct kustomize_options *options = parent->build->options;
    if (options->remotes == NULL)
        return frame_refuse_remote(text, err);
    if (check_circle(parent, text, err) < 0)
        return -1;
    const struct remote *remote =
        remotes_find(options->remotes, REMOTE_REPOSITORY, spec->url, spec->ref);
    if (remote == NULL) {
        struct remote wanted = {
            .kind = REMOTE_REPOSITORY,
            .url = spec->url,
            .ref = spec->ref,
            .timeout_ms = spec->timeout_ms,
        };
        if (want(parent, &wanted, err) < 0)
            return -1;
    }
    if (remote == NULL || remote->state != REMOTE_BROUGHT)
        return not_here(text, ret_missing, err);
    cleanup_frame struct frame frame = {
        .build = parent->build,
        .parent = parent,
        .tree = remote->tree,
        .remote = remote,
        .remote_text = text,
    };
    // Where a path ends in "/", and "" is the root, as tree_resolve reads them.
    if (find_folder(remote, spec->path, &frame.dir, err) < 0 || frame_load(&frame, err) < 0)
        return -1;
    *ret_frame = frame;
    frame = (struct frame){0};
    return 0;
}

int frame_fetch_file(const struct frame *frame, const char *url, bool may_be_absent,
                     const struct remote **ret_remote, bool *ret_missing, struct error *err)
{
    struct remotes *remotes = frame->build->options->remotes;
    if (remotes == NULL)
        return frame_refuse_remote(url, err);
    const struct remote *remote = remotes_find(remotes, REMOTE_FILE, url, "");
    if (remote == NULL) {
        cleanup_free char *copy = xstrdup(url);
        struct remote wanted = {.kind = REMOTE_FILE, .url = copy, .may_be_absent = may_be_absent};
        if (want(frame, &wanted, err) < 0)
            return -1;
    }
    if (remote == NULL || remote->state == REMOTE_WANTED)
        return not_here(url, ret_missing, err);
    if (remote->state == REMOTE_ABSENT && !may_be_absent)
        return error_set(err, ERROR_NOT_FOUND, "%s", remote->absence);
    *ret_remote = remote;
    return 0;
}
