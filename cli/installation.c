#include "cli/installation.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "controller/kube_member.h"

#include <stdlib.h>
#include <string.h>

#define LABEL_NAME "app.kubernetes.io/name"

static struct kube_ref parent_ref(const struct installation *installation)
{
    return (struct kube_ref){NULL, "v1", "secrets", installation->namespace, INSTALL_PARENT, NULL};
}

static int read_parent(struct installation *installation, struct error *err)
{
    const struct kube_ref ref = parent_ref(installation);
    cleanup_error struct error cause = {0};
    if (kube_get(installation->client, &ref, &installation->parent, &cause) == 0 ||
        cause.code == ERROR_NOT_FOUND)
        return 0;
    error_move(err, &cause);
    return error_wrap(err, "see whether sealift is installed in %s", installation->namespace);
}

int installation_open(const struct cli *cli, const char *namespace,
                      struct installation *ret_installation, struct error *err)
{
    struct installation installation = {
        .cli = cli, .namespace = namespace, .pieces = PIECES, .dry_run = cli_flag(cli, "dry-run")};
    if (workspace_client(cli, &installation.client, err) < 0 ||
        kube_discovery_fetch(installation.client, NULL, NULL, &installation.discovery, err) < 0 ||
        read_parent(&installation, err) < 0) {
        installation_release(&installation);
        return -1;
    }
    installation.set_id = applyset_id(INSTALL_PARENT, namespace, "Secret", "");
    *ret_installation = installation;
    return 0;
}

void installation_release(struct installation *installation)
{
    vec_free(&installation->pieces);
    json_decref(STEAL(installation->parent));
    free(STEAL(installation->set_id));
    kube_discovery_unref(STEAL(installation->discovery));
    kube_client_free(STEAL(installation->client));
}

char *installation_find(struct kube_client *client)
{
    const struct kube_ref ref = {.group = "rbac.authorization.k8s.io",
                                 .version = "v1",
                                 .plural = "clusterrolebindings",
                                 .name = "sealift-controller"};
    cleanup_json json_t *binding = NULL;
    if (kube_get(client, &ref, &binding, NULL) < 0)
        return xstrdup("");
    const json_t *subject = json_array_get(jval_array(binding, "subjects"), 0);
    return xstrdup(jval_string_or(subject, "namespace", ""));
}

const char *installation_overlay(const struct installation *installation)
{
    return object_annotation(installation->parent, "sealift.dev/overlay");
}

const char *installation_image(const struct installation *installation)
{
    return object_annotation(installation->parent, "sealift.dev/image");
}

// ---- the objects ----

static json_t *as_member(const struct installation *installation, const json_t *object)
{
    json_t *member = json_deep_copy(object);
    json_t *metadata = json_object_get(member, "metadata");
    json_t *labels = json_object_get(metadata, "labels");
    if (labels == NULL) {
        labels = json_object();
        json_object_set_new(metadata, "labels", labels);
    }
    json_object_set_new(labels, APPLYSET_PART_OF, json_string(installation->set_id));
    return member;
}

// A definition belongs to whoever installed last.
static int check_live(const struct installation *installation, const struct piece *piece,
                      struct error *err)
{
    if (piece->live != NULL && object_is_deleting(piece->live))
        return error_set(err, ERROR_CONFLICT, "%s is being deleted; install again when it is gone",
                         piece->text);
    const char *set = piece->live != NULL ? object_label(piece->live, APPLYSET_PART_OF) : NULL;
    if (set == NULL || strcmp(set, installation->set_id) == 0 ||
        piece_is(piece, "CustomResourceDefinition"))
        return 0;
    return error_set(
        err, ERROR_CONFLICT,
        "%s belongs to another set (label " APPLYSET_PART_OF
        "): a Sync or another tool applies it; change it there, or take the label away",
        piece->text);
}

// A namespace that somebody else made stays as it is, and stays when sealift goes.
static void leave_foreign_namespace(struct installation *installation)
{
    for (size_t i = 0; i < installation->pieces.len; i++) {
        const struct piece *piece = vec_at(&installation->pieces, i);
        if (!piece_is(piece, "Namespace") || piece->live == NULL)
            continue;
        const char *label = object_label(piece->live, LABEL_NAME);
        if (label != NULL && strcmp(label, "sealift") == 0)
            continue;
        tell_warning(installation->cli,
                     "namespace %s was there before and stays as it is; pods of sealift keep to "
                     "the Pod Security level restricted, others in it may not",
                     piece->name);
        vec_remove(&installation->pieces, i--);
    }
}

int installation_load(struct installation *installation, const struct manifests_choice *choice,
                      struct error *err)
{
    cleanup_json json_t *objects = NULL;
    cleanup_json json_t *members = json_array();
    size_t index;
    json_t *object;
    if (manifests_render(choice, &objects, err) < 0)
        return -1;
    json_array_foreach (objects, index, object)
        json_array_append_new(members, as_member(installation, object));
    pieces_add(&installation->pieces, installation->discovery, members);
    vec_sort(&installation->pieces, piece_compare);
    if (pieces_look(installation->client, &installation->pieces, err) < 0)
        return -1;
    vec_foreach (struct piece, piece, &installation->pieces) {
        if (check_live(installation, piece, err) < 0)
            return -1;
    }
    leave_foreign_namespace(installation);
    return 0;
}

// ---- what an older install left ----

static void add_kind(struct vec *kinds, const char *text)
{
    if (vec_find(kinds, &text, vec_compare_strings) != NULL)
        return;
    vec_push_string(kinds, text);
    vec_sort(kinds, vec_compare_strings);
}

void installation_kinds(const struct installation *installation, bool recorded_too,
                        struct vec *ret_kinds)
{
    vec_foreach (struct piece, piece, &installation->pieces) {
        cleanup_free char *text = xasprintf("%s%s%s", object_kind(piece->object),
                                            *piece->group != '\0' ? "." : "", piece->group);
        add_kind(ret_kinds, text);
    }
    const char *recorded =
        recorded_too ? object_annotation(installation->parent, APPLYSET_GROUP_KINDS) : NULL;
    while (recorded != NULL && *recorded != '\0') {
        size_t length = strcspn(recorded, ",");
        cleanup_free char *text = xstrndup(recorded, length);
        add_kind(ret_kinds, text);
        recorded += length + (recorded[length] == ',');
    }
}

static bool has_piece(const struct installation *installation, const json_t *object)
{
    vec_foreach (struct piece, piece, &installation->pieces) {
        cleanup_free char *group = xstrdup(jval_string_or(object, "apiVersion", ""));
        char *slash = strchr(group, '/');
        if (slash != NULL)
            *slash = '\0';
        if (strcmp(object_kind(piece->object), object_kind(object)) == 0 &&
            strcmp(piece->name, object_name(object)) == 0 &&
            strcmp(piece->ns, object_namespace(object)) == 0 &&
            strcmp(piece->group, slash != NULL ? group : "") == 0)
            return true;
    }
    return false;
}

// Anybody may put our label on what is theirs: an install writes under its field manager, and to
// one namespace.
static bool is_member(const struct installation *installation, const json_t *object)
{
    struct member_state state;
    member_state_read(object, &state);
    const char *namespace = object_namespace(object);
    return member_has_entry(&state) &&
           (*namespace == '\0' || strcmp(namespace, installation->namespace) == 0);
}

static int add_leftovers_of(struct installation *installation, const struct kube_kind *kind,
                            json_t *found, struct error *err)
{
    cleanup_free char *selector = xasprintf(APPLYSET_PART_OF "=%s", installation->set_id);
    const struct kube_request request = {.ref = kube_kind_ref(kind, NULL, NULL),
                                         .label_selector = selector};
    cleanup_json json_t *items = NULL;
    size_t index;
    json_t *item;
    if (kube_list(installation->client, &request, &items, err) < 0)
        return error_wrap(err, "look for %s of an older install", kind->plural);
    json_array_foreach (items, index, item) {
        if (!has_piece(installation, item) && is_member(installation, item))
            json_array_append(found, item);
    }
    return 0;
}

int installation_leftovers(struct installation *installation, struct vec *ret_pieces,
                           struct error *err)
{
    cleanup_vec struct vec kinds = VEC_OF(char *, vec_release_string);
    cleanup_json json_t *found = json_array();
    installation_kinds(installation, true, &kinds);
    vec_foreach (char *, text, &kinds) {
        char *dot = strchr(*text, '.');
        cleanup_free char *name = xstrndup(*text, strcspn(*text, "."));
        const struct kube_kind *kind =
            kube_discovery_find(installation->discovery, dot != NULL ? dot + 1 : "", NULL, name);
        if (kind != NULL && add_leftovers_of(installation, kind, found, err) < 0)
            return -1;
    }
    pieces_add(ret_pieces, installation->discovery, found);
    vec_foreach (struct piece, piece, ret_pieces)
        piece->live = jval_ref(piece->object);
    return 0;
}

static bool is_ours(const struct installation *installation, const struct piece *piece)
{
    if (piece->live == NULL)
        return false;
    const char *set = object_label(piece->live, APPLYSET_PART_OF);
    const char *name = object_label(piece->live, LABEL_NAME);
    if (set != NULL && strcmp(set, installation->set_id) != 0 &&
        !piece_is(piece, "CustomResourceDefinition")) {
        tell_warning(installation->cli, "%s belongs to another set and stays", piece->text);
        return false;
    }
    // Definitions are nobody else's; who has no mark of ours was never part of an install.
    return set != NULL || (name != NULL && strcmp(name, "sealift") == 0) ||
           piece_is(piece, "CustomResourceDefinition");
}

static int add_overlay(struct installation *installation, const char *overlay, struct error *err)
{
    const struct manifests_choice choice = {.overlay = overlay,
                                            .namespace = installation->namespace};
    cleanup_json json_t *objects = NULL;
    cleanup_json json_t *more = json_array();
    size_t index;
    json_t *object;
    if (manifests_render(&choice, &objects, err) < 0)
        return -1;
    json_array_foreach (objects, index, object) {
        if (!has_piece(installation, object))
            json_array_append(more, object);
    }
    pieces_add(&installation->pieces, installation->discovery, more);
    return 0;
}

int installation_load_all(struct installation *installation, struct error *err)
{
    static const char choices[] = OVERLAY_CHOICES;
    for (const char *at = choices; *at != '\0'; at += strcspn(at, "|"), at += *at == '|') {
        cleanup_free char *overlay = xstrndup(at, strcspn(at, "|"));
        if (add_overlay(installation, overlay, err) < 0)
            return -1;
    }
    cleanup_vec struct vec leftovers = PIECES;
    if (pieces_look(installation->client, &installation->pieces, err) < 0 ||
        installation_leftovers(installation, &leftovers, err) < 0)
        return -1;
    vec_foreach (struct piece, piece, &leftovers) {
        *(struct piece *)vec_push(&installation->pieces) = *piece;
        *piece = (struct piece){0};
    }
    for (size_t i = 0; i < installation->pieces.len; i++) {
        if (!is_ours(installation, vec_at(&installation->pieces, i)))
            vec_remove(&installation->pieces, i--);
    }
    vec_sort(&installation->pieces, piece_compare);
    return 0;
}
