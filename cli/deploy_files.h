// The manifests of deploy/ as they were when this version was made (cli/CMakeLists.txt).
#ifndef CLI_DEPLOY_FILES_H
#define CLI_DEPLOY_FILES_H

#include <stddef.h>

struct deploy_file {
    const char *path; // below deploy/: "base/controller.yaml"
    const char *data; // ends with a NUL behind its size bytes
    size_t size;
};

extern const struct deploy_file deploy_files[]; // ended by a NULL path

#endif
