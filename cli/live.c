#include "cli/live.h"

#include "api/object.h"
#include "api/store_kube.h"
#include "base/jval.h"
#include "base/kube/kube_config.h"
#include "base/kube/kube_discovery.h"
#include "base/memory.h"
#include "base/object_path.h"
#include "base/strbuf.h"
#include "base/yamljson.h"
#include "cli/clean.h"
#include "cli/pieces.h"
#include "cli/tell.h"
#include "controller/kube_member.h"
#include "oci/artifact.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_OBJECT_BYTES = 16 << 20, MAX_SENTENCE = 64 << 10, MAX_NAMED = 5 };

struct live {
    const struct cli *cli;
    const json_t *sync;
    struct kube_client *client; // borrowed or own
    struct kube_client *own;
    struct kube_discovery *discovery;
    char *set_id;
    struct vec pieces; // struct piece: what would be applied
    struct vec pruned; // struct piece
};

static void live_release(struct live *live)
{
    vec_free(&live->pieces);
    vec_free(&live->pruned);
    kube_discovery_unref(live->discovery);
    kube_client_free(live->own);
    free(live->set_id);
}

bool live_is_cluster(const json_t *sync)
{
    return object_spec(sync, "target.directory") == NULL;
}

// ---- where ----

static int connect_elsewhere(struct live *live, struct store *store, const char *name,
                             struct error *err)
{
    static const char *const keys[] = {"value", "kubeconfig", "value.yaml"};
    const char *namespace = object_namespace(live->sync);
    const struct secret_use use = {live->sync, "spec.target.kubeConfig.secretRef",
                                   SECRET_KUBECONFIG};
    cleanup_secret_data struct secret_data *secret = NULL;
    cleanup_kube_config struct kube_config config = {0};
    cleanup_free char *text = xasprintf("the kubeconfig in Secret %s/%s", namespace, name);
    const char *value = NULL;
    if (store_secret_for(store, &use, namespace, name, &secret, err) < 0)
        return -1;
    for (size_t i = 0; value == NULL && i < ARRAY_LENGTH(keys); i++)
        value = secret_data_text(secret, keys[i]);
    if (value == NULL)
        return secret_use_refuse(&use, namespace, name, NULL, err);
    if (kube_config_from_secret(value, strlen(value), text, &config, err) < 0 ||
        kube_client_new(&config, NULL, &live->own, err) < 0)
        return -1;
    live->client = live->own;
    return 0;
}

static int connect_to(struct live *live, struct store *store, struct error *err)
{
    const char *secret = object_spec_string(live->sync, "target.kubeConfig.secretRef.name");
    live->client = store_kube_client(store);
    if (secret != NULL)
        return connect_elsewhere(live, store, secret, err);
    if (live->client == NULL)
        return error_set(err, ERROR_INVALID,
                         "Sync %s/%s names no target, and its objects are in files: which cluster "
                         "it applies to is not known here",
                         object_namespace(live->sync), object_name(live->sync));
    return 0;
}

// ---- what would be sent: as controller/kube_desired.c has it ----

static int parse_all(const struct vec *files, json_t *objects, struct error *err)
{
    vec_foreach (struct oci_file, file, files) {
        json_t *object = NULL;
        if (yamljson_parse(file->data, file->size, file->path, &object, err) < 0)
            return -1;
        json_array_append_new(objects, object);
    }
    return 0;
}

// Whether a definition among the objects makes its kind a namespaced one.
static bool is_namespaced(const struct live *live, const struct piece *piece)
{
    vec_foreach (const struct piece, other, &live->pieces) {
        const json_t *spec = object_spec(other->object, "");
        if (piece_is(other, "CustomResourceDefinition") &&
            strcmp(jval_string_or(spec, "group", ""), piece->group) == 0 &&
            strcmp(jval_string_or(spec, "names.kind", ""), object_kind(piece->object)) == 0)
            return strcmp(jval_string_or(spec, "scope", ""), "Namespaced") == 0;
    }
    return false;
}

static void dress(const struct live *live, struct piece *piece)
{
    json_t *metadata = json_object_get(piece->object, "metadata");
    json_t *labels = json_object_get(metadata, "labels");
    const char *target = object_spec_string(live->sync, "targetNamespace");
    bool namespaced = piece->plural != NULL ? piece->namespaced : is_namespaced(live, piece);
    if (namespaced && *piece->ns == '\0') {
        free(piece->ns);
        piece->ns = xstrdup(target != NULL ? target : object_namespace(live->sync));
        jval_set_string(metadata, "namespace", piece->ns);
        free(piece->text);
        piece->text = object_text(piece->object);
    }
    if (!json_is_object(labels)) {
        labels = json_object();
        json_object_set_new(metadata, "labels", labels);
    }
    json_object_set_new(labels, APPLYSET_PART_OF, json_string(live->set_id));
    json_object_del(metadata, "managedFields");
}

static int desire(struct live *live, const struct vec *files, struct error *err)
{
    cleanup_json json_t *objects = json_array();
    if (parse_all(files, objects, err) < 0)
        return -1;
    pieces_add(&live->pieces, live->discovery, objects);
    vec_foreach (struct piece, piece, &live->pieces)
        dress(live, piece);
    return 0;
}

// A kind that the artifact itself brings is not served yet: its objects are new.
static int refusals(const struct live *live, struct error *err)
{
    cleanup_strbuf struct strbuf all;
    strbuf_init(&all, MAX_SENTENCE);
    vec_foreach (const struct piece, piece, &live->pieces) {
        if (piece->outcome == NULL && piece->plural != NULL)
            strbuf_addf(&all, "%s%s: %s", all.len > 0 ? "; " : "", piece->text,
                        error_message(&piece->error));
    }
    if (all.len == 0)
        return 0;
    return error_set(err, ERROR_INVALID, "%s", all.data);
}

// ---- what would be pruned ----

static bool is_listed(const struct live *live, const char *uid)
{
    vec_foreach (const struct piece, piece, &live->pieces) {
        if (piece->live != NULL && strcmp(object_uid(piece->live), uid) == 0)
            return true;
    }
    vec_foreach (const struct piece, piece, &live->pruned) {
        if (strcmp(object_uid(piece->object), uid) == 0)
            return true;
    }
    return false;
}

static bool is_controlled(const json_t *object)
{
    size_t index;
    json_t *owner;
    json_array_foreach (jval_array(object, "metadata.ownerReferences"), index, owner) {
        if (jval_bool(owner, "controller", false))
            return true;
    }
    return false;
}

static bool annotation_is(const json_t *object, const char *name, const char *value)
{
    const char *text = object_annotation(object, name);
    return text != NULL && strcmp(text, value) == 0;
}

// The rules of docs/cluster.md, "Prune".
static bool would_be_pruned(const struct live *live, const struct kube_kind *kind,
                            const json_t *object)
{
    struct member_state state;
    member_state_read(object, &state);
    if (!member_has_entry(&state) || is_controlled(object) || object_is_deleting(object) ||
        annotation_is(object, "sealift.dev/prune", "disabled") ||
        (apply_keeps_data(kind->group, kind->kind) &&
         !annotation_is(object, "sealift.dev/prune", "enabled")))
        return false;
    return !is_listed(live, object_uid(object));
}

// Whether the Sync's spec speaks of the namespace.
static bool is_named(const struct live *live, const char *namespace)
{
    const char *target = object_spec_string(live->sync, "targetNamespace");
    size_t index;
    json_t *allowed;
    json_array_foreach (object_spec(live->sync, "allowNamespaces"), index, allowed) {
        // An invalid Sync may list anything.
        if (json_is_string(allowed) && strcmp(json_string_value(allowed), namespace) == 0)
            return true;
    }
    return *namespace == '\0' || strcmp(namespace, object_namespace(live->sync)) == 0 ||
           (target != NULL && strcmp(namespace, target) == 0);
}

static bool is_preferred(const struct live *live, const struct kube_kind *kind)
{
    return (kind->can & KUBE_CAN_LIST) != 0 && (kind->can & KUBE_CAN_DELETE) != 0 &&
           kube_discovery_find(live->discovery, kind->group, NULL, kind->kind) == kind;
}

static void add_pruned(struct live *live, const struct kube_kind *kind, const json_t *list)
{
    cleanup_json json_t *found = json_array();
    size_t index;
    json_t *item;
    json_array_foreach (jval_array(list, "items"), index, item) {
        cleanup_free char *api_version = *kind->group != '\0'
                                             ? xasprintf("%s/%s", kind->group, kind->version)
                                             : xstrdup(kind->version);
        jval_set_string(item, "apiVersion", api_version);
        jval_set_string(item, "kind", kind->kind);
        if (!would_be_pruned(live, kind, item))
            continue;
        if (is_named(live, object_namespace(item)))
            json_array_append(found, item);
        else
            tell_warning(live->cli,
                         "%s %s/%s carries the Sync's label in a namespace that it does not name: "
                         "it would be pruned if the Sync's account may delete it",
                         kind->kind, object_namespace(item), object_name(item));
    }
    pieces_add(&live->pruned, live->discovery, found);
}

static bool lists(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length == size && strncmp(at, word, size) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

// The Sync says of which kinds its objects are; one that says nothing may have some of any kind.
static bool may_have(const struct live *live, const struct kube_kind *kind)
{
    const char *kinds = object_annotation(live->sync, APPLYSET_KINDS);
    cleanup_free char *name =
        xasprintf("%s%s%s", kind->kind, *kind->group != '\0' ? "." : "", kind->group);
    return is_preferred(live, kind) && (kinds == NULL || lists(kinds, name));
}

// All that the Sync or its spec names, once each: char *.
static void name_namespaces(const struct live *live, struct vec *ret_names)
{
    cleanup_json json_t *seen = json_object();
    const char *target = object_spec_string(live->sync, "targetNamespace");
    const char *others = object_annotation(live->sync, APPLYSET_NAMESPACES);
    size_t index;
    json_t *allowed;
    json_object_set_new(seen, object_namespace(live->sync), json_true());
    if (target != NULL)
        json_object_set_new(seen, target, json_true());
    json_array_foreach (object_spec(live->sync, "allowNamespaces"), index, allowed) {
        if (json_is_string(allowed))
            json_object_set_new(seen, json_string_value(allowed), json_true());
    }
    for (const char *at = others; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        cleanup_free char *name = xstrndup(at, length);
        json_object_set_new(seen, name, json_true());
        at += length + (at[length] == ',');
    }
    const char *name;
    json_object_foreach (seen, name, allowed)
        vec_push_string(ret_names, name);
}

// One round of lists. What is denied goes to ret_denied (struct look).
struct look {
    const struct kube_kind *kind;
    const char *ns; // NULL = all; borrowed
};

static void look_at(struct live *live, const struct vec *looks, struct vec *ret_denied,
                    struct error *ret_cause)
{
    cleanup_free char *selector = xasprintf("%s=%s", APPLYSET_PART_OF, live->set_id);
    cleanup_free struct kube_request *requests = xcalloc(looks->len + 1, sizeof *requests);
    cleanup_free struct kube_result *results = xcalloc(looks->len + 1, sizeof *results);
    for (size_t i = 0; i < looks->len; i++) {
        const struct look *look = vec_at(looks, i);
        requests[i] = (struct kube_request){.verb = KUBE_LIST,
                                            .ref = kube_kind_ref(look->kind, look->ns, NULL),
                                            .label_selector = selector};
    }
    kube_do_all(live->client, requests, looks->len, results, NULL, NULL);
    for (size_t i = 0; i < looks->len; i++) {
        const struct look *look = vec_at(looks, i);
        if (results[i].error.code == ERROR_NONE) {
            add_pruned(live, look->kind, results[i].object);
        } else if (results[i].error.code != ERROR_NOT_FOUND) {
            *(struct look *)vec_push(ret_denied) = *look;
            if (ret_cause->code == ERROR_NONE)
                error_move(ret_cause, &results[i].error);
        }
        kube_result_release(&results[i]);
    }
}

static void tell_unknown(const struct live *live, const struct vec *looks,
                         const struct error *cause)
{
    cleanup_strbuf struct strbuf names;
    const struct kube_kind *last = NULL;
    size_t kinds = 0;
    strbuf_init(&names, MAX_SENTENCE);
    vec_foreach (const struct look, look, looks) {
        if (look->kind != last && ++kinds <= MAX_NAMED)
            strbuf_addf(&names, "%s%s", kinds > 1 ? ", " : "", look->kind->plural);
        last = look->kind;
    }
    if (kinds > MAX_NAMED)
        strbuf_addf(&names, " and %zu kinds more", kinds - MAX_NAMED);
    if (kinds > 0)
        tell_warning(live->cli, "which %s would be pruned cannot be told: %s", names.data,
                     error_message(cause));
}

// Who may not list a kind everywhere may perhaps where the Sync applies.
static void look_for_pruned(struct live *live)
{
    cleanup_vec struct vec everywhere = VEC_OF(struct look, NULL);
    cleanup_vec struct vec there = VEC_OF(struct look, NULL);
    cleanup_vec struct vec denied = VEC_OF(struct look, NULL);
    cleanup_vec struct vec unknown = VEC_OF(struct look, NULL);
    cleanup_vec struct vec namespaces = VEC_OF(char *, vec_release_string);
    cleanup_error struct error first = {0};
    cleanup_error struct error cause = {0};
    for (size_t i = 0; i < kube_discovery_count(live->discovery); i++) {
        const struct kube_kind *kind = kube_discovery_at(live->discovery, i);
        if (may_have(live, kind))
            *(struct look *)vec_push(&everywhere) = (struct look){kind, NULL};
    }
    look_at(live, &everywhere, &denied, &first);
    name_namespaces(live, &namespaces);
    vec_foreach (const struct look, look, &denied) {
        vec_foreach (char *, ns, &namespaces)
            if (look->kind->namespaced)
                *(struct look *)vec_push(&there) = (struct look){look->kind, *ns};
        if (!look->kind->namespaced)
            *(struct look *)vec_push(&unknown) = *look;
    }
    look_at(live, &there, &unknown, &cause);
    tell_unknown(live, &unknown, cause.code != ERROR_NONE ? &cause : &first);
}

// ---- the two sides ----

static void mask_member(json_t *before, json_t *after, const char *member)
{
    const char *key;
    json_t *value;
    cleanup_json json_t *old = json_deep_copy(json_object_get(before, member));
    cleanup_json json_t *new_value = json_deep_copy(json_object_get(after, member));
    jval_foreach (old, key, value) {
        const json_t *other = json_object_get(new_value, key);
        bool same = other == NULL || json_equal(value, other) != 0;
        json_object_set_new(json_object_get(before, member), key,
                            json_string(same ? "***" : "*** (before)"));
    }
    jval_foreach (new_value, key, value) {
        const json_t *other = json_object_get(old, key);
        bool same = other == NULL || json_equal(value, other) != 0;
        json_object_set_new(json_object_get(after, member), key,
                            json_string(same ? "***" : "*** (after)"));
    }
}

static void mask(const struct piece *piece, json_t *before, json_t *after)
{
    if (*piece->group != '\0' || !piece_is(piece, "Secret"))
        return;
    mask_member(before, after, "data");
    mask_member(before, after, "stringData");
}

static json_t *shown(const json_t *object)
{
    json_t *copy = json_deep_copy(object);
    clean_metadata(copy);
    // Nobody applies it, and what a dry run answers there is not what will be.
    json_object_del(copy, "status");
    // What kubectl apply noted there repeats the values of a Secret.
    json_t *annotations = json_object_get(json_object_get(copy, "metadata"), "annotations");
    json_object_del(annotations, "kubectl.kubernetes.io/last-applied-configuration");
    return copy;
}

static int add_side(const struct piece *piece, const json_t *object, struct vec *files,
                    struct error *err)
{
    cleanup_strbuf struct strbuf yaml;
    strbuf_init(&yaml, MAX_OBJECT_BYTES);
    if (object == NULL)
        return 0;
    if (yamljson_write(object, &yaml, err) < 0)
        return error_wrap(err, "%s", piece->text);
    struct oci_file *file = vec_push(files);
    file->path = object_path(piece->group, object_kind(piece->object), piece->ns, piece->name);
    file->size = yaml.len;
    file->data = strbuf_steal(&yaml);
    return 0;
}

static int add_sides(const struct piece *piece, const json_t *live, const json_t *merged,
                     struct vec *before, struct vec *after, struct error *err)
{
    cleanup_json json_t *left = live != NULL ? shown(live) : NULL;
    cleanup_json json_t *right = merged != NULL ? shown(merged) : NULL;
    mask(piece, left, right);
    return add_side(piece, left, before, err) < 0 || add_side(piece, right, after, err) < 0 ? -1
                                                                                            : 0;
}

static int compare(struct live *live, struct vec *before, struct vec *after, struct error *err)
{
    vec_foreach (const struct piece, piece, &live->pieces) {
        const json_t *merged = piece->answer != NULL ? piece->answer : piece->object;
        if (add_sides(piece, piece->live, merged, before, after, err) < 0)
            return -1;
    }
    vec_foreach (const struct piece, piece, &live->pruned) {
        if (add_sides(piece, piece->object, NULL, before, after, err) < 0)
            return -1;
    }
    return 0;
}

int live_compare(const struct cli *cli, struct store *store, const json_t *sync,
                 const struct vec *files, struct vec *ret_before, struct vec *ret_after,
                 struct error *err)
{
    __attribute__((cleanup(live_release))) struct live live = {
        .cli = cli, .sync = sync, .pieces = PIECES, .pruned = PIECES};
    live.set_id = applyset_id(object_name(sync), object_namespace(sync), "Sync", API_GROUP);
    if (connect_to(&live, store, err) < 0 ||
        kube_discovery_fetch(live.client, NULL, NULL, &live.discovery, err) < 0 ||
        desire(&live, files, err) < 0 || pieces_look(live.client, &live.pieces, err) < 0)
        return -1;
    pieces_apply(live.client, &live.pieces, STAGE_DEFINITIONS, STAGE_AFTER, true);
    if (refusals(&live, err) < 0)
        return -1;
    if (jval_bool(object_spec(sync, ""), "prune", true))
        look_for_pruned(&live);
    return compare(&live, ret_before, ret_after, err);
}
