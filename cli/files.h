// Files by path from wherever a command names them: a folder that is rendered, an artifact, the
// target of a Sync.
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "base/vec.h"
#include "cli/command.h"
#include "render/render.h"

// Appends struct oci_file, sorted by path. `text` is
//     ./path                         a folder of manifests, rendered as the packager would
//     oci://… or oci-layout://…      an artifact by tag or digest
//     sync/NAME                      what stands in the Sync's directory now
//     bundle/NAME                    the artifact that the Bundle released last
int files_load(const struct cli *cli, const char *text, struct vec *ret_files, struct error *err)
    __attribute__((warn_unused_result));

// Renders a folder with the flags of the command (--type, --allow-secrets, --path). The result is
// the caller's.
int files_render(const struct cli *cli, const char *folder, struct render_result *ret_result,
                 struct error *err) __attribute__((warn_unused_result));

#endif
