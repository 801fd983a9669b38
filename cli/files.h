// Files by path from wherever a command names them: a folder that is rendered, an artifact, the
// target of a Sync.
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <jansson.h>

#include "base/vec.h"
#include "cli/command.h"
#include "render/render.h"

// How a folder became files, for provenance.
struct files_origin {
    json_t *inputs; // owned; NULL, or an array to which what came from elsewhere is appended
    char *path;     // owned; what of the repository was rendered
    enum render_type renderer;
};
void files_origin_release(struct files_origin *origin);
#define cleanup_files_origin __attribute__((cleanup(files_origin_release)))

// Appends struct oci_file, sorted by path. `text` is
//     ./path                         a folder of manifests, rendered as the packager would
//     oci://… or oci-layout://…      an artifact by tag or digest
//     sync/NAME                      what stands in the Sync's directory now
//     bundle/NAME                    the artifact that the Bundle released last
// The origin of what is rendered is noted in `origin`, unless it is NULL.
int files_load(const struct cli *cli, const char *text, struct vec *ret_files,
               struct files_origin *origin, struct error *err) __attribute__((warn_unused_result));

// Renders a folder with the flags of the command (--type, --allow-secrets, --path, --offline,
// --substitute…), as part of the repository that it stands in (cli/checkout.h). The Bundle of
// --bundle says what flags do not. The result is the caller's; `origin` may be NULL.
int files_render(const struct cli *cli, const char *folder, struct render_result *ret_result,
                 struct files_origin *origin, struct error *err)
    __attribute__((warn_unused_result));

#endif
