// Plans what uninstall does: what there is of the install, and a step for each of it.
#include "cli/removal_internal.h"

#include "api/kind.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/grant.h"
#include "cli/print.h"

#include <stdlib.h>
#include <string.h>

const char removal_finalizer[] = "sealift.dev/sync";
static const char managed_by_us[] = "app.kubernetes.io/managed-by=sealift";

const char removal_stays[] = "what it applied stays";

static void release_step(void *element)
{
    struct removal_step *step = element;
    free(step->note);
}

void removal_release(struct removal *removal)
{
    vec_free(&removal->steps);
    installation_release(&removal->installation);
    vec_free(&removal->syncs);
    vec_free(&removal->grants);
    vec_free(&removal->parent);
    vec_free(&removal->others);
    json_decref(STEAL(removal->bindings));
    json_decref(STEAL(removal->objects));
}

// ---- what there is ----

void removal_add_live(const struct removal *removal, struct vec *pieces, const json_t *items)
{
    pieces_add(pieces, removal->installation.discovery, items);
    vec_foreach (struct piece, piece, pieces) {
        if (piece->live == NULL)
            piece->live = jval_ref(piece->object);
    }
}

int removal_list_all(const struct removal *removal, const struct kind *kind, json_t **ret_items,
                     struct error *err)
{
    const struct kube_request request = {
        .ref = {.group = API_GROUP, .version = "v1alpha1", .plural = kind->plural}};
    cleanup_error struct error cause = {0};
    if (kube_list(removal->installation.client, &request, ret_items, &cause) < 0 &&
        cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    return 0;
}

static int look_for_objects(struct removal *removal, struct error *err)
{
    const struct kind *kind;
    removal->objects = json_object();
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (!kind->has_status)
            continue;
        cleanup_json json_t *items = NULL;
        if (removal_list_all(removal, kind, &items, err) < 0)
            return -1;
        jval_set_int(removal->objects, kind->plural, (int64_t)json_array_size(items));
        if (strcmp(kind->name, "Sync") == 0)
            removal_add_live(removal, &removal->syncs, items);
    }
    return 0;
}

static int look_for_grants(struct removal *removal, struct error *err)
{
    static const struct kube_ref refs[] = {
        {"rbac.authorization.k8s.io", "v1", "rolebindings", NULL, NULL, NULL},
        {"rbac.authorization.k8s.io", "v1", "roles", NULL, NULL, NULL},
        {NULL, "v1", "serviceaccounts", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(refs); i++) {
        const struct kube_request request = {.ref = refs[i], .label_selector = managed_by_us};
        cleanup_json json_t *items = NULL;
        if (kube_list(removal->installation.client, &request, &items, err) < 0)
            return -1;
        removal_add_live(removal, &removal->grants, items);
    }
    return 0;
}

// Whatever binds roles or accounts anywhere: some of it outlives what it names.
static int look_for_bindings(struct removal *removal, struct error *err)
{
    static const char *const kinds[] = {"RoleBinding", "ClusterRoleBinding"};
    removal->bindings = json_array();
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        const struct kube_request request = {.ref = grant_ref(kinds[i], NULL, NULL)};
        cleanup_json json_t *items = NULL;
        if (kube_list(removal->installation.client, &request, &items, err) < 0)
            return -1;
        json_array_extend(removal->bindings, items);
    }
    return 0;
}

static bool has_work(const struct removal *removal)
{
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (!piece_is(piece, "CustomResourceDefinition") || cli_flag(removal->cli, "crds"))
            return true;
    }
    return removal->installation.parent != NULL;
}

// ---- the plan ----

static struct removal_step *add_step(struct removal *removal, enum removal_action action,
                                     const struct piece *piece, char *note)
{
    struct removal_step *step = vec_push(&removal->steps);
    *step = (struct removal_step){
        .action = action, .piece = piece, .propagation = "Background", .note = note};
    return step;
}

bool removal_holds(const json_t *sync)
{
    size_t index;
    json_t *name;
    json_array_foreach (jval_array(sync, "metadata.finalizers"), index, name) {
        if (strcmp(json_string_value(name), removal_finalizer) == 0)
            return true;
    }
    return false;
}

static void plan_syncs(struct removal *removal)
{
    bool prunes = cli_flag(removal->cli, "prune");
    vec_foreach (struct piece, sync, &removal->syncs) {
        if (prunes) {
            bool keeps = json_is_false(jval_get(sync->live, "spec.prune"));
            struct removal_step *step =
                add_step(removal, REMOVAL_DELETE, sync,
                         xstrdup(keeps ? "what it applied stays: it says prune: false"
                                       : "with what it applied"));
            step->propagation = NULL;
            step->wait = "waiting until the controller has removed what they applied";
        } else if (removal_holds(sync->live)) {
            add_step(removal, REMOVAL_LET_GO, sync, xstrdup(removal_stays));
        }
    }
}

// Those of one kind among the manifests. `wait` as in the step.
static void plan_kind(struct removal *removal, const char *kind, const char *propagation,
                      const char *wait)
{
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (!piece_is(piece, kind))
            continue;
        struct removal_step *step = add_step(removal, REMOVAL_DELETE, piece, xstrdup(""));
        step->propagation = propagation;
        step->wait = wait;
    }
}

// "with all 3 bundles", of the kind that a definition defines; "" when there is none.
static char *note_of(const struct removal *removal, const struct piece *definition)
{
    const char *plural = jval_string_or(definition->live, "spec.names.plural", "");
    bool gone = strcmp(plural, "syncs") == 0 && cli_flag(removal->cli, "prune");
    int64_t count = jval_int(removal->objects, plural, 0);
    return count > 0 && !gone ? xasprintf("with all %s (%lld)", plural, (long long)count)
                              : xstrdup("");
}

static void plan_definitions(struct removal *removal, bool deletes)
{
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (!piece_is(piece, "CustomResourceDefinition"))
            continue;
        struct removal_step *step = add_step(removal, deletes ? REMOVAL_DELETE : REMOVAL_KEEP,
                                             piece, note_of(removal, piece));
        step->wait = "waiting until the definitions are gone";
    }
}

static void plan_namespace(struct removal *removal)
{
    bool keeps = cli_flag(removal->cli, "keep-namespace");
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (!piece_is(piece, "Namespace"))
            continue;
        struct removal_step *step = add_step(removal, keeps ? REMOVAL_KEEP : REMOVAL_DELETE, piece,
                                             xstrdup("with its Secrets and floors"));
        step->wait = "waiting until the namespace is gone";
    }
}

static bool goes(const struct removal *removal, const json_t *object)
{
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (piece_is(piece, object_kind(object)) && strcmp(piece->name, object_name(object)) == 0 &&
            strcmp(piece->ns, object_namespace(object)) == 0)
            return true;
    }
    bool with_namespace = !cli_flag(removal->cli, "keep-namespace") &&
                          strcmp(object_namespace(object), removal->installation.namespace) == 0;
    return with_namespace ||
           (grant_is_ours(object) && strcmp(object_kind(object), "RoleBinding") == 0);
}

// The binding of somebody else by which an account of ours is used; owned, or NULL.
static char *user_of(const struct removal *removal, const struct piece *account)
{
    size_t index;
    json_t *binding;
    json_array_foreach (removal->bindings, index, binding) {
        if (!goes(removal, binding) && grant_names_account(binding, account->ns, account->name))
            return object_text(binding);
    }
    return NULL;
}

static void plan_grants(struct removal *removal)
{
    vec_foreach (struct piece, piece, &removal->grants) {
        cleanup_free char *user =
            piece_is(piece, "ServiceAccount") ? user_of(removal, piece) : NULL;
        if (user == NULL)
            add_step(removal, REMOVAL_DELETE, piece, xstrdup(""));
        else
            add_step(removal, REMOVAL_KEEP, piece,
                     xasprintf("%s, which sealift did not write, names it", user));
    }
}

// A ClusterRole that goes with the install.
static bool binds_ours(const struct removal *removal, const json_t *binding)
{
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (piece_is(piece, "ClusterRole") &&
            strcmp(jval_string_or(binding, "roleRef.kind", ""), "ClusterRole") == 0 &&
            strcmp(jval_string_or(binding, "roleRef.name", ""), piece->name) == 0)
            return true;
    }
    return false;
}

// What somebody else wrote is theirs to remove; it would grant again what it granted, should the
// role come back.
static void plan_others(struct removal *removal)
{
    cleanup_json json_t *others = json_array();
    size_t index;
    json_t *binding;
    json_array_foreach (removal->bindings, index, binding) {
        if (!goes(removal, binding) && binds_ours(removal, binding))
            json_array_append(others, binding);
    }
    removal_add_live(removal, &removal->others, others);
    vec_foreach (struct piece, piece, &removal->others)
        add_step(removal, REMOVAL_KEEP, piece,
                 xasprintf("sealift did not write it, and its ClusterRole %s goes",
                           jval_string_or(piece->live, "roleRef.name", "")));
}

static bool has_own_place(const struct piece *piece)
{
    return piece_is(piece, "CustomResourceDefinition") || piece_is(piece, "Deployment") ||
           piece_is(piece, "Namespace");
}

static void plan_steps(struct removal *removal)
{
    const struct vec *pieces = &removal->installation.pieces;
    bool crds = cli_flag(removal->cli, "crds");
    bool prunes = cli_flag(removal->cli, "prune");
    if (prunes)
        plan_syncs(removal);
    plan_kind(removal, "Deployment", "Foreground", "waiting until the roles have stopped");
    removal->stopped = removal->steps.len;
    // Nobody is left to finalize them: they, and their namespaces, could not be deleted.
    if (!prunes)
        plan_syncs(removal);
    if (crds) {
        plan_grants(removal);
        plan_others(removal);
        plan_definitions(removal, true);
    }
    // Last applied, first removed.
    for (size_t i = pieces->len; i-- > 0;) {
        const struct piece *piece = vec_at(pieces, i);
        if (!has_own_place(piece))
            add_step(removal, REMOVAL_DELETE, piece, xstrdup(""));
    }
    vec_foreach (struct piece, piece, &removal->parent)
        add_step(removal, REMOVAL_DELETE, piece, xstrdup(""));
    plan_namespace(removal);
    if (!crds)
        plan_definitions(removal, false);
}

int removal_plan(const struct cli *cli, const char *namespace, struct removal *ret_removal,
                 struct error *err)
{
    *ret_removal = (struct removal){.cli = cli,
                                    .syncs = PIECES,
                                    .grants = PIECES,
                                    .parent = PIECES,
                                    .others = PIECES,
                                    .steps = VEC_OF(struct removal_step, release_step)};
    struct installation *installation = &ret_removal->installation;
    if (installation_open(cli, namespace, installation, err) < 0 ||
        installation_load_all(installation, err) < 0)
        return -1;
    if (!has_work(ret_removal))
        return 0;
    if (look_for_objects(ret_removal, err) < 0 ||
        (cli_flag(cli, "crds") &&
         (look_for_grants(ret_removal, err) < 0 || look_for_bindings(ret_removal, err) < 0)))
        return -1;
    if (installation->parent != NULL) {
        cleanup_json json_t *one = json_pack("[O]", installation->parent);
        pieces_add(&ret_removal->parent, installation->discovery, one);
    }
    plan_steps(ret_removal);
    return 0;
}

// ---- printing it ----

static const char *action_name(enum removal_action action)
{
    switch (action) {
    case REMOVAL_DELETE:
        return "delete";
    case REMOVAL_LET_GO:
        return "let go";
    case REMOVAL_KEEP:
        break;
    }
    return "keep";
}

static void print_table(const struct removal *removal)
{
    static const char *const header[] = {"ACTION", "OBJECT", "NOTE", NULL};
    struct table table;
    table_init(&table, header);
    vec_foreach (struct removal_step, step, &removal->steps) {
        const char *cells[] = {action_name(step->action), step->piece->text, step->note, NULL};
        table_row(&table, cells);
    }
    table_print(&table, removal->cli);
    table_release(&table);
}

int removal_print(const struct removal *removal, struct error *err)
{
    cleanup_json json_t *steps = json_array();
    cleanup_json json_t *names = json_array();
    vec_foreach (struct removal_step, step, &removal->steps) {
        cleanup_free char *name = print_name(step->piece->object);
        json_array_append_new(steps, json_pack("{s:s, s:s, s:s, s:s}", "action",
                                               action_name(step->action), "object", name,
                                               "namespace", step->piece->ns, "note", step->note));
        if (step->action == REMOVAL_DELETE)
            json_array_append_new(names, json_string(name));
    }
    if (*print_format(removal->cli) != '\0' && strcmp(print_format(removal->cli), "wide") != 0)
        return print_answer(removal->cli, steps, names, err);
    print_table(removal);
    return 0;
}
