#include "render/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "render/kustomize/remote_spec.h"

struct remotes {
    struct vec list; // struct remote *, so that what is handed out stays in its place
};

static void release_remote(void *element)
{
    struct remote *remote = *(struct remote **)element;
    secret_free(remote->url);
    free(remote->ref);
    free(remote->name);
    free(remote->place);
    free(remote->data);
    free(remote->absence);
    free(remote);
}

struct remotes *remotes_new(void)
{
    struct remotes *remotes = xcalloc(1, sizeof *remotes);
    remotes->list = VEC_OF(struct remote *, release_remote);
    return remotes;
}

void remotes_free(struct remotes *remotes)
{
    if (remotes == NULL)
        return;
    vec_free(&remotes->list);
    free(remotes);
}

void cleanup_remotes_pointer(struct remotes **remotes)
{
    remotes_free(*remotes);
}

static struct remote *find(const struct remotes *remotes, enum remote_kind kind, const char *url,
                           const char *ref)
{
    vec_foreach (struct remote *, remote, &remotes->list)
        if ((*remote)->kind == kind && strcmp((*remote)->url, url) == 0 &&
            strcmp((*remote)->ref, ref) == 0)
            return *remote;
    return NULL;
}

const struct remote *remotes_find(const struct remotes *remotes, enum remote_kind kind,
                                  const char *url, const char *ref)
{
    return find(remotes, kind, url, ref);
}

int remotes_want(struct remotes *remotes, const struct remote *wanted, struct error *err)
{
    const char *ref = wanted->ref != NULL ? wanted->ref : "";
    if (find(remotes, wanted->kind, wanted->url, ref) != NULL)
        return 0;
    if (remotes->list.len >= REMOTES_MAX)
        return error_set(err, ERROR_LIMIT,
                         "more than %d remote bases and files in one build; commit a copy of some",
                         REMOTES_MAX);
    struct remote *remote = xcalloc(1, sizeof *remote);
    *remote = (struct remote){
        .kind = wanted->kind,
        .url = xstrdup(wanted->url),
        .ref = xstrdup(ref),
        .name = remote_name(wanted->url),
        .place = xstrdup(wanted->place),
        .asker = wanted->asker,
        .timeout_ms = wanted->timeout_ms,
        .may_be_absent = wanted->may_be_absent,
    };
    *(struct remote **)vec_push(&remotes->list) = remote;
    return 0;
}

void remotes_wanted(const struct remotes *remotes, enum remote_kind kind, struct vec *ret_wanted)
{
    vec_foreach (struct remote *, remote, &remotes->list)
        if ((*remote)->kind == kind && (*remote)->state == REMOTE_WANTED)
            *(struct remote **)vec_push(ret_wanted) = *remote;
}

bool remotes_are_complete(const struct remotes *remotes)
{
    vec_foreach (struct remote *, remote, &remotes->list)
        if ((*remote)->state == REMOTE_WANTED)
            return false;
    return true;
}
