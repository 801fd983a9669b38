// What an install consists of: an overlay of deploy/, rendered by our own kustomize from what was
// built into the program.
#ifndef CLI_MANIFESTS_H
#define CLI_MANIFESTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "cli/command.h"

#define OVERLAY_CHOICES "single-tenant|multi-tenant|production"
#define OVERLAY_DEFAULT "multi-tenant"
#define INSTALL_OPTIONS                                                                            \
    {"overlay",                                                                                    \
     0,                                                                                            \
     OPTION_STRING,                                                                                \
     "NAME",                                                                                       \
     "how far the roles reach (default: multi-tenant, or as it is installed)",                     \
     OVERLAY_CHOICES},                                                                             \
    {                                                                                              \
        "image", 0, OPTION_STRING, "REF", "image of the roles, like r.example.com/sealift:1", NULL \
    }

// All borrowed.
struct manifests_choice {
    const char *overlay;   // a folder of deploy/overlays
    const char *namespace; // NULL = sealift-system
    const char *image;     // NULL = the one that the manifests name
};

// *ret_objects: an array, owned, in the order in which they can be applied.
int manifests_render(const struct manifests_choice *choice, json_t **ret_objects, struct error *err)
    __attribute__((warn_unused_result));
// What a tenant's namespace needs (deploy/tenant), for roles that run in `system_namespace`. `role`
// is the ClusterRole of its account, or NULL for the one that the manifests name.
int manifests_render_tenant(const char *namespace, const char *system_namespace, const char *role,
                            json_t **ret_objects, struct error *err)
    __attribute__((warn_unused_result));

// The image of the roles among the objects; borrowed; "" when there is none.
const char *manifests_image(const json_t *objects);
// Whether nobody can pull it: builds that were not released name a registry that does not exist.
bool manifests_image_is_placeholder(const char *image);

#endif
