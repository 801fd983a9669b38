// Places of this host in specs: file://, oci-layout:// and directory targets. On files whoever
// writes a spec writes to this host anyway; on the Kubernetes API anybody may, so there they lead
// only below the folders that `sealift serve --allow-local-path` names.
#ifndef CONTROLLER_LOCAL_H
#define CONTROLLER_LOCAL_H

#include "base/error.h"

struct role;

// Whether `path` may be used, links resolved. ERROR_INVALID.
int local_check_path(const struct role *role, const char *path, struct error *err)
    __attribute__((warn_unused_result));
// The same for the path in a file:// or oci-layout:// URL; other URLs are fine.
int local_check_url(const struct role *role, const char *url, struct error *err)
    __attribute__((warn_unused_result));

#endif
