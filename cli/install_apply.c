// Applying an install, stage by stage: definitions first, until they are served; then accounts,
// rights and configuration; then what runs. Pruning comes last, and only after a complete apply.
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/installation.h"
#include "cli/rollout.h"
#include "cli/tell.h"
#include "controller/kube_member.h"

#include <string.h>

enum { MAX_KINDS_TEXT = 64 << 10 };

static const char *hypothetically(const struct installation *installation)
{
    return installation->dry_run ? " (dry run)" : "";
}

static void tell_stage(const struct installation *installation, enum apply_stage first,
                       enum apply_stage last)
{
    vec_foreach (struct piece, piece, &installation->pieces) {
        if (piece->stage < first || piece->stage > last)
            continue;
        if (piece->outcome != NULL) {
            tell_done(installation->cli, "%s is %s%s", piece->text, piece->outcome,
                      hypothetically(installation));
            continue;
        }
        error_wrap(&piece->error, "%s", piece->text);
        tell_failure(&piece->error);
    }
}

static int apply_stages(struct installation *installation, enum apply_stage first,
                        enum apply_stage last, struct error *err)
{
    size_t failed = pieces_apply(installation->client, &installation->pieces, first, last,
                                 installation->dry_run);
    if (failed > 0 && !installation->dry_run)
        failed = pieces_remake(installation->client, &installation->pieces, first, last);
    tell_stage(installation, first, last);
    if (failed > 0)
        return error_set(
            err, ERROR_INVALID,
            "%zu of %zu objects %s refused, as said above; what was applied stays, and "
            "installing again goes on from here",
            failed, installation->pieces.len, failed == 1 ? "was" : "were");
    return 0;
}

// ---- the parent ----

static json_t *new_parent(const struct installation *installation,
                          const struct manifests_choice *choice, const struct vec *kinds)
{
    cleanup_strbuf struct strbuf list;
    strbuf_init(&list, MAX_KINDS_TEXT);
    vec_foreach (char *, kind, kinds)
        strbuf_addf(&list, "%s%s", list.len > 0 ? "," : "", *kind);
    cleanup_json json_t *objects = json_array();
    vec_foreach (struct piece, piece, &installation->pieces)
        json_array_append(objects, piece->object);
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s}}}",
                     "apiVersion", "v1", "kind", "Secret", "metadata", "name", INSTALL_PARENT,
                     "namespace", installation->namespace, "labels", "app.kubernetes.io/name",
                     "sealift", "applyset.kubernetes.io/id", installation->set_id, "annotations",
                     "applyset.kubernetes.io/tooling", "sealift/v" SEALIFT_VERSION,
                     APPLYSET_GROUP_KINDS, list.data,
                     "applyset.kubernetes.io/additional-namespaces", "", "sealift.dev/overlay",
                     choice->overlay, "sealift.dev/image", manifests_image(objects));
}

// `recorded_too`: kinds of the older install stay named until its objects are gone.
static int write_parent(const struct installation *installation,
                        const struct manifests_choice *choice, bool recorded_too, struct error *err)
{
    cleanup_vec struct vec kinds = VEC_OF(char *, vec_release_string);
    installation_kinds(installation, recorded_too, &kinds);
    cleanup_json json_t *parent = new_parent(installation, choice, &kinds);
    const struct kube_request request = {.verb = KUBE_APPLY,
                                         .ref = {.version = "v1",
                                                 .plural = "secrets",
                                                 .namespace_ = installation->namespace,
                                                 .name = INSTALL_PARENT},
                                         .object = parent,
                                         .force = true};
    if (installation->dry_run)
        return 0;
    if (kube_do(installation->client, &request, NULL, err) < 0)
        return error_wrap(err, "note what is installed in the Secret %s/%s",
                          installation->namespace, INSTALL_PARENT);
    return 0;
}

// ---- definitions ----

static int serve_definitions(struct installation *installation, struct error *err)
{
    if (installation->dry_run)
        return 0;
    if (rollout_wait_definitions(installation->cli, installation->client, &installation->pieces,
                                 err) < 0)
        return -1;
    struct kube_discovery *fresh = NULL;
    if (kube_discovery_fetch(installation->client, NULL, NULL, &fresh, err) < 0)
        return -1;
    kube_discovery_unref(installation->discovery);
    installation->discovery = fresh;
    pieces_place(&installation->pieces, fresh);
    return 0;
}

// ---- pruning ----

static int prune(struct installation *installation, struct error *err)
{
    cleanup_vec struct vec leftovers = PIECES;
    if (installation_leftovers(installation, &leftovers, err) < 0)
        return -1;
    vec_foreach (struct piece, piece, &leftovers) {
        if (apply_keeps_data(piece->group, object_kind(piece->object))) {
            tell_warning(installation->cli,
                         "%s is of an older install and stays, because data would go with it; "
                         "delete it yourself when nothing needs it",
                         piece->text);
            continue;
        }
        if (!installation->dry_run &&
            piece_delete(installation->client, piece, "Background", err) < 0)
            return -1;
        tell_done(installation->cli, "%s is deleted: it is of an older install%s", piece->text,
                  hypothetically(installation));
    }
    return 0;
}

int installation_apply(struct installation *installation, const struct manifests_choice *choice,
                       struct error *err)
{
    if (apply_stages(installation, STAGE_DEFINITIONS, STAGE_DEFINITIONS, err) < 0 ||
        serve_definitions(installation, err) < 0 ||
        write_parent(installation, choice, true, err) < 0 ||
        apply_stages(installation, STAGE_CLASSES, STAGE_BASICS, err) < 0 ||
        apply_stages(installation, STAGE_BEFORE, STAGE_AFTER, err) < 0 ||
        prune(installation, err) < 0)
        return -1;
    return write_parent(installation, choice, false, err);
}
