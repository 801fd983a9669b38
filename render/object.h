// What makes a value a Kubernetes object, and which object it is.
#ifndef RENDER_OBJECT_H
#define RENDER_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"

struct object_identity {
    char *api_version; // "apps/v1"
    char *group;       // "apps"; "" for the core group
    char *kind;
    char *ns; // NULL when the object names none
    char *name;
};
void object_identity_release(struct object_identity *identity); // may be called twice
#define cleanup_object_identity __attribute__((cleanup(object_identity_release)))

// Fills *ret_identity (owned by the caller) after checking that value is an object with apiVersion,
// kind and metadata.name, that these can be told to an API server, that labels and annotations map
// strings to strings, and that nothing is nested deeper than 64 levels. ERROR_INVALID: a sentence
// that starts with the object ("Deployment "web" …"), without a place; *ret_field (may be NULL)
// becomes the dotted path of the field at fault, static, or NULL.
int object_identity_read(const struct value *value, struct object_identity *ret_identity,
                         const char **ret_field, struct error *err)
    __attribute__((warn_unused_result));

// "Deployment.apps "shop/web"", for messages. Owned.
char *object_identity_describe(const struct object_identity *identity);

// Whether it is a Secret of the core group that carries values.
bool object_is_secret_with_data(const struct object_identity *identity, const struct value *value);

#endif
