// Files to objects to artifact: a pure function of the commit, what it needs from elsewhere, the
// Bundle's path and render, and our version.
#include "controller/bundle_internal.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/url.h"
#include "controller/bundle_inputs.h"
#include "render/git/gitlocal.h"
#include "render/git/gitsnapshot.h"
#include "render/render.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NOTED_INPUTS = 20 }; // status stays small; the provenance names all

static const int64_t keep_inputs_ms = 24LL * 60 * 60 * 1000;

static void on_fetching(void *arg, const char *step)
{
    struct bundle_flow *flow = arg;
    (void)step;
    if (strcmp(flow->stages.running, "inputs") != 0)
        stages_begin(&flow->stages, "inputs");
}

// Copies of bases stand beside the copy of the source.
static void open_inputs(struct bundle_flow *flow)
{
    cleanup_free char *dir = xasprintf("%s.inputs", flow->git_dir);
    const struct bundle_inputs_config config = {
        .dir = dir,
        .client = flow->client,
        .reach = flow->role->reach,
        .cancel = flow->cancel,
        .deadline_mono_ms = flow->deadline_mono_ms,
        .max_bytes = flow->role->max_repository_bytes,
        .keep_ms = keep_inputs_ms,
        .source = &flow->git_config,
        .role = flow->role,
        .allow_local = gitlocal_takes(flow->git_config.url) || flow->role->local_paths != NULL,
        .tell = on_fetching,
        .tell_arg = flow,
    };
    flow->inputs = bundle_inputs_new(&config);
}

void bundle_build_note(struct bundle_flow *flow)
{
    const struct vec *inputs = bundle_inputs_list(flow->inputs);
    json_t *noted = json_array();
    vec_foreach (const struct bundle_input, input, inputs) {
        if (json_array_size(noted) < MAX_NOTED_INPUTS)
            json_array_append_new(noted, json_pack("{s:s, s:{s:s}}", "uri", input->uri, "digest",
                                                   input->algorithm, input->digest));
    }
    jval_remove(flow->status, "source.inputs");
    jval_remove(flow->status, "source.inputsTotal");
    if (inputs->len > 0) {
        jval_set(flow->status, "source.inputs", json_incref(noted));
        jval_set_int(flow->status, "source.inputsTotal", (int64_t)inputs->len);
    }
    json_decref(noted);
}

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
    open_inputs(flow);
    if (bundle_inputs_render(flow->inputs, gitsnapshot_tree(flow->snapshot),
                             path != NULL ? path : "", &options, ret_result, err) == 0)
        return 0;
    if (bundle_inputs_failed(flow->inputs))
        flow->reason = "InputsFailed";
    return -1;
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

enum oci_format bundle_format(const struct bundle_flow *flow)
{
    const char *name = object_spec_string(flow->object, "artifact.format");
    return oci_format_parse(name != NULL ? name : "");
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
    flow->renderer = result.type;
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
        .format = bundle_format(flow),
    };
    return oci_pack(&files, &info, &flow->artifact, err);
}
