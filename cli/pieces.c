#include "cli/pieces.h"

#include "api/kind.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/clean.h"
#include "controller/kube_member.h"

#include <stdlib.h>
#include <string.h>

void piece_release(void *element)
{
    struct piece *piece = element;
    json_decref(piece->object);
    json_decref(piece->live);
    json_decref(piece->answer);
    free(piece->text);
    free(piece->group);
    free(piece->version);
    free(piece->plural);
    free(piece->ns);
    free(piece->name);
    error_release(&piece->error);
}

// Our own kinds are known before the cluster serves them.
static void place(struct piece *piece, const struct kube_discovery *discovery)
{
    const char *api_version = jval_string_or(piece->object, "apiVersion", "");
    const char *kind_name = object_kind(piece->object);
    const struct kube_kind *found = kube_discovery_find_object(discovery, api_version, kind_name);
    const struct kind *ours = kind_find(kind_name);
    if (found != NULL) {
        piece->plural = xstrdup(found->plural);
        piece->namespaced = found->namespaced;
    } else if (ours != NULL && strcmp(ours->api_version, api_version) == 0) {
        piece->plural = xstrdup(ours->plural);
        piece->namespaced = ours->namespaced;
    } else {
        return;
    }
    free(piece->ns);
    piece->ns = xstrdup(piece->namespaced ? object_namespace(piece->object) : "");
}

void pieces_add(struct vec *pieces, const struct kube_discovery *discovery, const json_t *objects)
{
    size_t index;
    json_t *object;
    json_array_foreach (objects, index, object) {
        const char *api_version = jval_string_or(object, "apiVersion", "");
        const char *slash = strchr(api_version, '/');
        struct piece *piece = vec_push(pieces);
        piece->object = jval_ref(object);
        piece->text = object_text(object);
        piece->group = xstrndup(api_version, slash != NULL ? (size_t)(slash - api_version) : 0);
        piece->version = xstrdup(slash != NULL ? slash + 1 : api_version);
        piece->ns = xstrdup(object_namespace(object));
        piece->name = xstrdup(object_name(object));
        piece->stage = apply_stage_of(piece->group, object_kind(object));
        piece->order = pieces->len;
        place(piece, discovery);
    }
}

void pieces_place(struct vec *pieces, const struct kube_discovery *discovery)
{
    vec_foreach (struct piece, piece, pieces) {
        if (piece->plural == NULL)
            place(piece, discovery);
    }
}

struct kube_ref piece_ref(const struct piece *piece)
{
    return (struct kube_ref){piece->group, piece->version, piece->plural,
                             piece->ns,    piece->name,    NULL};
}

bool piece_is(const struct piece *piece, const char *kind)
{
    return strcmp(object_kind(piece->object), kind) == 0;
}

int piece_compare(const void *a, const void *b)
{
    const struct piece *left = a;
    const struct piece *right = b;
    if (left->stage != right->stage)
        return left->stage < right->stage ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

// ---- many requests at once ----

struct batch {
    struct vec requests; // struct kube_request
    struct vec pieces;   // struct piece *, as many
    struct kube_result *results;
};

static void batch_init(struct batch *batch)
{
    *batch = (struct batch){.requests = VEC_OF(struct kube_request, NULL),
                            .pieces = VEC_OF(struct piece *, NULL)};
}

static struct kube_request *batch_add(struct batch *batch, struct piece *piece)
{
    *(struct piece **)vec_push(&batch->pieces) = piece;
    struct kube_request *request = vec_push(&batch->requests);
    request->ref = piece_ref(piece);
    return request;
}

static void batch_send(struct batch *batch, struct kube_client *client)
{
    batch->results = xcalloc(batch->requests.len + 1, sizeof *batch->results);
    kube_do_all(client, batch->requests.data, batch->requests.len, batch->results, NULL, NULL);
}

static struct piece *batch_piece(const struct batch *batch, size_t index)
{
    return *(struct piece **)vec_at(&batch->pieces, index);
}

static void batch_release(struct batch *batch)
{
    for (size_t i = 0; batch->results != NULL && i < batch->requests.len; i++)
        kube_result_release(&batch->results[i]);
    free(batch->results);
    vec_free(&batch->requests);
    vec_free(&batch->pieces);
}
#define cleanup_batch __attribute__((cleanup(batch_release)))

int pieces_look(struct kube_client *client, struct vec *pieces, struct error *err)
{
    cleanup_batch struct batch batch;
    batch_init(&batch);
    vec_foreach (struct piece, piece, pieces) {
        if (piece->plural != NULL)
            batch_add(&batch, piece)->verb = KUBE_GET;
    }
    batch_send(&batch, client);
    for (size_t i = 0; i < batch.requests.len; i++) {
        struct piece *piece = batch_piece(&batch, i);
        struct kube_result *result = &batch.results[i];
        json_decref(piece->live);
        piece->live = NULL;
        if (result->error.code == ERROR_NONE) {
            piece->live = STEAL(result->object);
        } else if (result->error.code != ERROR_NOT_FOUND) {
            error_move(err, &result->error);
            return error_wrap(err, "read %s", piece->text);
        }
    }
    return 0;
}

static bool is_same(const json_t *before, const json_t *after)
{
    cleanup_json json_t *left = json_deep_copy(before);
    cleanup_json json_t *right = json_deep_copy(after);
    clean_metadata(left);
    clean_metadata(right);
    return json_equal(left, right) != 0;
}

static void note(struct piece *piece, struct kube_result *result, bool dry_run)
{
    error_release(&piece->error);
    piece->outcome = NULL;
    json_decref(piece->answer);
    piece->answer = jval_ref(result->object);
    // Without its namespace or its definition, which are not made either, nothing can be tried.
    bool later = dry_run && result->error.code == ERROR_NOT_FOUND;
    if (*piece->group == '\0' && piece_is(piece, "Secret"))
        kube_result_hide_values(result);
    if (result->error.code != ERROR_NONE && !later)
        error_move(&piece->error, &result->error);
    else if (piece->live == NULL)
        piece->outcome = "created";
    else
        piece->outcome =
            !later && is_same(piece->live, result->object) ? "unchanged" : "configured";
}

size_t pieces_apply(struct kube_client *client, struct vec *pieces, enum apply_stage first,
                    enum apply_stage last, bool dry_run)
{
    cleanup_batch struct batch batch;
    size_t failed = 0;
    batch_init(&batch);
    vec_foreach (struct piece, piece, pieces) {
        if (piece->stage < first || piece->stage > last)
            continue;
        if (piece->plural == NULL) {
            error_set(&piece->error, ERROR_NOT_FOUND, "the cluster has no kind %s in %s/%s",
                      object_kind(piece->object), piece->group, piece->version);
            failed++;
            continue;
        }
        struct kube_request *request = batch_add(&batch, piece);
        request->verb = KUBE_APPLY;
        request->object = piece->object;
        request->field_manager = FIELD_MANAGER;
        request->force = true;
        request->dry_run = dry_run;
    }
    batch_send(&batch, client);
    for (size_t i = 0; i < batch.requests.len; i++) {
        note(batch_piece(&batch, i), &batch.results[i], dry_run);
        failed += batch_piece(&batch, i)->outcome == NULL;
    }
    return failed;
}

int piece_delete(struct kube_client *client, const struct piece *piece, const char *propagation,
                 struct error *err)
{
    const struct kube_request request = {
        .verb = KUBE_DELETE,
        .ref = piece_ref(piece),
        .if_uid = piece->live != NULL ? object_uid(piece->live) : NULL,
        .propagation = propagation,
    };
    cleanup_error struct error cause = {0};
    if (kube_do(client, &request, NULL, &cause) < 0 && cause.code != ERROR_NOT_FOUND) {
        error_wrap(&cause, "delete %s", piece->text);
        return error_move(err, &cause);
    }
    return 0;
}

// Everything in it comes from the manifest, and nothing is lost with it.
static bool may_remake(const struct piece *piece)
{
    static const char *const kinds[] = {"RoleBinding", "ClusterRoleBinding", "Deployment"};
    const char *message = error_message(&piece->error);
    bool is_fixed =
        strstr(message, "immutable") != NULL || strstr(message, "cannot change roleRef") != NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        if (piece_is(piece, kinds[i]))
            return piece->live != NULL && piece->error.code == ERROR_INVALID && is_fixed;
    }
    return false;
}

static bool remake(struct kube_client *client, struct piece *piece)
{
    const struct kube_request request = {.verb = KUBE_APPLY,
                                         .ref = piece_ref(piece),
                                         .object = piece->object,
                                         .field_manager = FIELD_MANAGER,
                                         .force = true};
    if (piece_delete(client, piece, "Background", &piece->error) < 0 ||
        kube_do(client, &request, NULL, &piece->error) < 0)
        return false;
    error_release(&piece->error);
    piece->outcome = "made anew";
    return true;
}

size_t pieces_remake(struct kube_client *client, struct vec *pieces, enum apply_stage first,
                     enum apply_stage last)
{
    size_t failed = 0;
    vec_foreach (struct piece, piece, pieces) {
        if (piece->stage < first || piece->stage > last || piece->outcome != NULL)
            continue;
        failed += !may_remake(piece) || !remake(client, piece);
    }
    return failed;
}
