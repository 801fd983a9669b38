// Files to objects to artifact: a pure function of the commit, the Bundle's path and render, and
// our version.
#include "controller/bundle_internal.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/url.h"
#include "render/git/gitsnapshot.h"
#include "render/render.h"

#include <stdlib.h>
#include <string.h>

static int render(struct bundle_flow *flow, struct render_result *ret_result, struct error *err)
{
    const struct render_options options = {
        .type =
            render_type_parse(jval_string_or(object_spec(flow->object, "render"), "type", "Auto")),
        .allow_secrets = jval_bool(object_spec(flow->object, "artifact"), "allowSecrets", false),
        .substitute = object_spec(flow->object, "render.substitute"),
        .max_objects = flow->role->limits.max_files,
        .max_bytes = flow->role->limits.max_unpacked,
    };
    const char *path = object_spec_string(flow->object, "path");
    return render_tree(gitsnapshot_tree(flow->snapshot), path != NULL ? path : "", &options,
                       ret_result, err);
}

static void log_warnings(const struct bundle_flow *flow, const struct render_result *result)
{
    vec_foreach (char *, warning, &result->warnings)
        log_warn("bundle renders with a warning", "kind", "Bundle", "namespace",
                 object_namespace(flow->object), "name", object_name(flow->object), "error",
                 *warning);
}

static void take_files(struct render_result *result, struct vec *files)
{
    vec_foreach (struct render_object, object, &result->objects) {
        struct oci_file *file = vec_push(files);
        file->path = STEAL(object->path);
        file->data = STEAL(object->yaml);
        file->size = object->yaml_size;
    }
}

int bundle_build(struct bundle_flow *flow, struct error *err)
{
    cleanup_render_result struct render_result result = {0};
    cleanup_vec struct vec files = OCI_FILES;
    stages_begin(&flow->stages, "render");
    flow->reason = "RenderFailed";
    if (render(flow, &result, err) < 0)
        return error_wrap(err, "%.12s", flow->revision.commit);
    log_warnings(flow, &result);
    stages_begin(&flow->stages, "pack");
    flow->reason = "PackFailed";
    take_files(&result, &files);
    render_result_release(&result);
    cleanup_free char *source =
        url_without_credentials(object_spec_string(flow->object, "source.git.url"));
    const struct oci_artifact_info info = {
        .created_ms = gitsnapshot_commit(flow->snapshot)->time_s * 1000,
        .source = source,
        .revision = flow->git_revision,
        .path = object_spec_string(flow->object, "path"),
        .limits = &flow->role->limits,
    };
    return oci_pack(&files, &info, &flow->artifact, err);
}
