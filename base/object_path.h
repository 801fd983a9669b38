// Where an object stands in an artifact and in a directory target: one file per object,
//
//     <namespace as written, or _>/<Kind>.<group>/<name>.yaml      shop/Deployment.apps/web.yaml
//     (the core group has none)                                    _/Namespace/shop.yaml
//
// Different identities give different paths. What a path segment cannot hold ('/', '\', control
// characters, '%' itself, a dot in front) is written as %XX; ':' stays, as in system:node. A
// segment over 200 bytes is cut and ends in '-' and 8 hex digits of its SHA-256.
#ifndef BASE_OBJECT_PATH_H
#define BASE_OBJECT_PATH_H

#include <stdbool.h>

// group is "" (or NULL) for the core group, ns NULL (or "") where the object names none. Owned.
char *object_path(const char *group, const char *kind, const char *ns, const char *name);

// How messages name the object at such a path: "Deployment shop/web", "Namespace shop". Any other
// path is named by itself. Owned.
char *object_path_text(const char *path);

// Whether a file of this name asks to be rendered (kustomization.yaml, kustomization.yml,
// Kustomization, Chart.yaml). In an artifact such a file is fine only as an object at its own path.
bool object_path_needs_rendering(const char *path);

#endif
