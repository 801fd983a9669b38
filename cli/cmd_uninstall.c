// uninstall: takes the roles out of a cluster.
//
//     [--prune: delete the Syncs, while the controller still clears up] ─▶ stop the roles
//     ─▶ let the Syncs go (finalizers) ─▶ [--crds: Hooks' rights, definitions and all objects]
//     ─▶ rights and the rest ─▶ the namespace
#include "api/kind.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/installation.h"
#include "cli/rollout.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char sync_finalizer[] = "sealift.dev/sync";

struct removal {
    const struct cli *cli;
    struct installation installation;
    struct vec syncs; // struct piece
    json_t *objects;  // how many there are: {plural: number}
    size_t removed;
};

static void removal_release(struct removal *removal)
{
    installation_release(&removal->installation);
    vec_free(&removal->syncs);
    json_decref(STEAL(removal->objects));
}

static bool is_dry(const struct removal *removal)
{
    return removal->installation.dry_run;
}

static void tell_gone(struct removal *removal, const struct piece *piece, const char *what)
{
    tell_done(removal->cli, "%s%s%s is %s%s", piece->text, *piece->ns != '\0' ? " in " : "",
              piece->ns, what, is_dry(removal) ? " (dry run)" : "");
    removal->removed++;
}

static int remove_piece(struct removal *removal, const struct piece *piece, const char *propagation,
                        struct error *err)
{
    if (!is_dry(removal) && piece_delete(removal->installation.client, piece, propagation, err) < 0)
        return -1;
    tell_gone(removal, piece, "deleted");
    return 0;
}

// ---- what there is ----

static int list_all(const struct removal *removal, const struct kind *kind, json_t **ret_items,
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

// As pieces that are there as they say.
static void add_live(const struct removal *removal, const json_t *items, struct vec *pieces)
{
    pieces_add(pieces, removal->installation.discovery, items);
    vec_foreach (struct piece, piece, pieces)
        piece->live = piece->live != NULL ? piece->live : jval_ref(piece->object);
}

static int count_objects(struct removal *removal, struct error *err)
{
    const struct kind *kind;
    removal->objects = json_object();
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        cleanup_json json_t *items = NULL;
        if (!kind->has_status)
            continue;
        if (list_all(removal, kind, &items, err) < 0)
            return -1;
        jval_set_int(removal->objects, kind->plural, (int64_t)json_array_size(items));
        if (strcmp(kind->name, "Sync") == 0)
            add_live(removal, items, &removal->syncs);
    }
    return 0;
}

// ---- asking ----

static void print_plan(const struct removal *removal)
{
    const struct installation *installation = &removal->installation;
    bool crds = cli_flag(removal->cli, "crds");
    const char *plural;
    json_t *count;
    fprintf(stderr, "From %s:\n", kube_client_server(installation->client));
    fprintf(stderr, "  the roles, their rights and the namespace %s with its Secrets and floors\n",
            installation->namespace);
    jval_foreach (removal->objects, plural, count) {
        if (json_integer_value(count) > 0)
            fprintf(stderr, "  %lld %s %s\n", (long long)json_integer_value(count), plural,
                    crds ? "are deleted" : "stay");
    }
    if (removal->syncs.len > 0)
        fprintf(stderr, "  what the Syncs applied %s\n",
                cli_flag(removal->cli, "prune") ? "is deleted, where they prune" : "stays");
}

static int confirm(const struct removal *removal, struct error *err)
{
    const struct cli *cli = removal->cli;
    if (is_dry(removal) || cli_flag(cli, "yes") || cli_flag(cli, "silent"))
        return 0;
    if (!isatty(STDIN_FILENO))
        return error_set(err, ERROR_INVALID,
                         "nothing was removed: there is nobody to ask; say --yes, or look first "
                         "with --dry-run");
    print_plan(removal);
    fprintf(stderr, "Remove it? [y/N] ");
    char answer[16] = "";
    if (fgets(answer, sizeof answer, stdin) == NULL || tolower((unsigned char)answer[0]) != 'y')
        return error_set(err, ERROR_CANCELED, "nothing was removed");
    return 0;
}

// ---- Syncs ----

// The controller is still there: it removes what each applied, as each says.
static int prune_syncs(struct removal *removal, struct error *err)
{
    vec_foreach (struct piece, sync, &removal->syncs) {
        if (remove_piece(removal, sync, NULL, err) < 0)
            return -1;
    }
    if (is_dry(removal) || removal->syncs.len == 0)
        return 0;
    tell_wait(removal->cli, "waiting until the controller has removed what they applied");
    if (rollout_wait_gone(removal->cli, removal->installation.client, &removal->syncs, err) < 0)
        return error_wrap(err, "what a Sync applied could not be removed, so the roles stay; does "
                               "the controller run? without --prune it is left as it is");
    vec_clear(&removal->syncs);
    return 0;
}

static int let_go(struct removal *removal, const struct piece *sync, struct error *err)
{
    json_t *kept = json_array();
    size_t index;
    json_t *name;
    bool ours = false;
    json_array_foreach (jval_array(sync->live, "metadata.finalizers"), index, name) {
        bool is_ours = strcmp(json_string_value(name), sync_finalizer) == 0;
        ours = ours || is_ours;
        if (!is_ours)
            json_array_append(kept, name);
    }
    cleanup_json json_t *patch =
        json_pack("{s:{s:s, s:o}}", "metadata", "uid", object_uid(sync->live), "finalizers", kept);
    const struct kube_request request = {
        .verb = KUBE_MERGE, .ref = piece_ref(sync), .object = patch};
    cleanup_error struct error cause = {0};
    if (!ours)
        return 0;
    if (!is_dry(removal) && kube_do(removal->installation.client, &request, NULL, &cause) < 0 &&
        cause.code != ERROR_NOT_FOUND) {
        error_move(err, &cause);
        return error_wrap(err, "take the finalizer from %s in %s", sync->text, sync->ns);
    }
    tell_gone(removal, sync, "let go: what it applied stays");
    return 0;
}

// Nobody is left to finalize them: without this they, and their namespaces, could not be deleted.
// Read only now: until a moment ago a controller held others, and somebody may have made more.
static int let_syncs_go(struct removal *removal, struct error *err)
{
    cleanup_vec struct vec syncs = PIECES;
    cleanup_json json_t *items = NULL;
    if (list_all(removal, kind_find("Sync"), &items, err) < 0)
        return -1;
    add_live(removal, items, &syncs);
    vec_foreach (struct piece, sync, &syncs) {
        if (let_go(removal, sync, err) < 0)
            return -1;
    }
    return 0;
}

// ---- the rest ----

// All of a kind, until they are gone.
static int remove_kind(struct removal *removal, const char *kind, const char *propagation,
                       struct error *err)
{
    cleanup_vec struct vec gone = PIECES;
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (!piece_is(piece, kind))
            continue;
        if (remove_piece(removal, piece, propagation, err) < 0)
            return -1;
        cleanup_json json_t *one = json_pack("[O]", piece->live);
        pieces_add(&gone, removal->installation.discovery, one);
    }
    if (is_dry(removal))
        return 0;
    return rollout_wait_gone(removal->cli, removal->installation.client, &gone, err);
}

// What `sealift create` wrote beside objects, which go now: Roles, RoleBindings, ServiceAccounts.
static int remove_grants(struct removal *removal, struct error *err)
{
    static const struct kube_ref refs[] = {
        {"rbac.authorization.k8s.io", "v1", "rolebindings", NULL, NULL, NULL},
        {"rbac.authorization.k8s.io", "v1", "roles", NULL, NULL, NULL},
        {NULL, "v1", "serviceaccounts", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(refs); i++) {
        const struct kube_request request = {
            .ref = refs[i], .label_selector = "app.kubernetes.io/managed-by=sealift"};
        cleanup_json json_t *items = NULL;
        cleanup_vec struct vec pieces = PIECES;
        if (kube_list(removal->installation.client, &request, &items, err) < 0)
            return -1;
        add_live(removal, items, &pieces);
        vec_foreach (struct piece, piece, &pieces) {
            if (remove_piece(removal, piece, "Background", err) < 0)
                return -1;
        }
    }
    return 0;
}

// Last applied, first removed.
static int remove_rest(struct removal *removal, struct error *err)
{
    const struct vec *pieces = &removal->installation.pieces;
    for (size_t i = pieces->len; i-- > 0;) {
        const struct piece *piece = vec_at(pieces, i);
        if (piece_is(piece, "CustomResourceDefinition") || piece_is(piece, "Deployment") ||
            piece_is(piece, "Namespace"))
            continue;
        if (remove_piece(removal, piece, "Background", err) < 0)
            return -1;
    }
    return 0;
}

static int remove_parent(struct removal *removal, struct error *err)
{
    cleanup_vec struct vec parent = PIECES;
    if (removal->installation.parent == NULL)
        return 0;
    cleanup_json json_t *one = json_pack("[O]", removal->installation.parent);
    pieces_add(&parent, removal->installation.discovery, one);
    return remove_piece(removal, vec_at(&parent, 0), "Background", err);
}

static int remove_namespace(struct removal *removal, struct error *err)
{
    if (!cli_flag(removal->cli, "keep-namespace"))
        return remove_kind(removal, "Namespace", "Background", err);
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (piece_is(piece, "Namespace"))
            tell_warning(removal->cli, "%s stays, with its Secrets and floors", piece->text);
    }
    return 0;
}

static void tell_what_stays(const struct removal *removal)
{
    size_t kept = 0;
    const char *plural;
    json_t *count;
    jval_foreach (removal->objects, plural, count)
        kept += (size_t)json_integer_value(count);
    if (!cli_flag(removal->cli, "crds"))
        tell_done(removal->cli,
                  "the definitions stay, with %zu object%s; sealift install goes on with them, "
                  "sealift uninstall --crds removes them",
                  kept, kept == 1 ? "" : "s");
}

static int remove_all(struct removal *removal, struct error *err)
{
    const struct cli *cli = removal->cli;
    bool prunes = cli_flag(cli, "prune");
    if ((prunes && prune_syncs(removal, err) < 0) ||
        remove_kind(removal, "Deployment", "Foreground", err) < 0 ||
        (!(prunes && is_dry(removal)) && let_syncs_go(removal, err) < 0))
        return -1;
    if (cli_flag(cli, "crds") &&
        (remove_grants(removal, err) < 0 ||
         remove_kind(removal, "CustomResourceDefinition", "Background", err) < 0))
        return -1;
    return remove_rest(removal, err) < 0 || remove_parent(removal, err) < 0 ||
                   remove_namespace(removal, err) < 0
               ? -1
               : 0;
}

static bool has_work(const struct removal *removal)
{
    vec_foreach (struct piece, piece, &removal->installation.pieces) {
        if (!piece_is(piece, "CustomResourceDefinition") || cli_flag(removal->cli, "crds"))
            return true;
    }
    return removal->installation.parent != NULL;
}

// --namespace, or where the controller's account is.
static int where(const struct cli *cli, char **ret_namespace, struct error *err)
{
    struct kube_client *client = NULL;
    if (cli_string(cli, "namespace") != NULL) {
        *ret_namespace = xstrdup(cli_string(cli, "namespace"));
        return 0;
    }
    if (workspace_client(cli, &client, err) < 0)
        return -1;
    cleanup_free char *found = installation_find(client);
    kube_client_free(client);
    *ret_namespace = *found != '\0' ? STEAL(found) : xstrdup(SYSTEM_NAMESPACE);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_free char *namespace = NULL;
    __attribute__((cleanup(removal_release))) struct removal removal = {.cli = cli,
                                                                        .syncs = PIECES};
    if (where(cli, &namespace, err) < 0 ||
        installation_open(cli, namespace, &removal.installation, err) < 0 ||
        installation_load_all(&removal.installation, err) < 0)
        return -1;
    if (!has_work(&removal)) {
        tell_done(cli, "there is nothing of sealift in %s to remove", namespace);
        return 0;
    }
    if (count_objects(&removal, err) < 0 || confirm(&removal, err) < 0 ||
        remove_all(&removal, err) < 0)
        return -1;
    tell_what_stays(&removal);
    return 0;
}

static const struct option_spec options[] = {
    {"prune", 0, OPTION_FLAG, NULL, "first delete all Syncs, with what they applied", NULL},
    {"crds", 0, OPTION_FLAG, NULL, "remove the definitions, and with them all Bundles, Syncs, …",
     NULL},
    {"keep-namespace", 0, OPTION_FLAG, NULL, "leave the namespace, its Secrets and its floors",
     NULL},
    {"dry-run", 0, OPTION_FLAG, NULL, "only say what would be removed", NULL},
    {"yes", 'y', OPTION_FLAG, NULL, "do not ask", NULL},
    {"silent", 's', OPTION_FLAG, NULL, "do not ask, as flux has it", NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_uninstall = {
    .name = "uninstall",
    .arguments = "",
    .summary = "Remove sealift from a cluster",
    .help =
        "Stops the roles and removes them, their rights and their namespace. What Syncs applied "
        "stays, unless --prune;\n"
        "the definitions and all Bundles, Syncs, Hooks and policies stay, unless --crds. On a "
        "terminal it asks first.\n"
        "--namespace is where the roles run (default: where they are found).\n\n"
        "  sealift uninstall --dry-run\n"
        "  sealift uninstall --prune --crds --yes\n",
    .options = options,
    .run = run,
};
