// Which fields a transformer changes: what kustomize has built in, and what `configurations` and
// `crds` add on the way. Additions travel with the objects from a base to what names it.
#ifndef RENDER_KUSTOMIZE_CONFIG_H
#define RENDER_KUSTOMIZE_CONFIG_H

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/fieldspec.h"

enum config_section {
    CONFIG_NAME_PREFIX,
    CONFIG_NAME_SUFFIX,
    CONFIG_NAMESPACE,
    CONFIG_COMMON_LABELS,
    CONFIG_LABELS,
    CONFIG_TEMPLATE_LABELS,
    CONFIG_COMMON_ANNOTATIONS,
    CONFIG_VAR_REFERENCE,
    CONFIG_IMAGES,
    CONFIG_REPLICAS,
    CONFIG_SECTIONS,
};

// The fields of others that hold the name of objects of this type. Text is borrowed as in a
// fieldspec.
struct config_reference {
    const char *group;
    const char *version;
    const char *kind;
    struct vec fields; // struct fieldspec
};
void config_reference_release(void *element);
#define CONFIG_REFERENCES VEC_OF(struct config_reference, config_reference_release)

struct config {
    // Nothing at all, what is built in, or lists of its own. Nearly every build ends with the
    // second, so those lists are not copied.
    enum config_state { CONFIG_EMPTY, CONFIG_DEFAULT, CONFIG_OWN } state;
    struct vec specs[CONFIG_SECTIONS]; // struct fieldspec, while CONFIG_OWN
    struct vec references;             // struct config_reference, while CONFIG_OWN
    struct value *sources;             // owned; what the text is borrowed from
};

void config_init(struct config *config, enum config_state state); // not CONFIG_OWN
void config_release(struct config *config);
#define cleanup_config __attribute__((cleanup(config_release)))

// Adds a checked file of `configurations` (shape "configuration"; referenced, not copied).
// ERROR_INVALID when it contradicts what is there.
int config_add(struct config *config, struct value *file, struct error *err)
    __attribute__((warn_unused_result));
// Adds what `other` holds.
int config_merge(struct config *config, const struct config *other, struct error *err)
    __attribute__((warn_unused_result));
// Adds the annotations x-kubernetes-… of an OpenAPI document that `crds` names: a mapping from type
// names to {Schema: …}.
int config_add_crds(struct config *config, const struct value *types, struct error *err)
    __attribute__((warn_unused_result));

// All of a section: pushes struct fieldspec, borrowed from config.
void config_specs(const struct config *config, enum config_section section, struct vec *specs);
// All references: pushes struct config_reference.
void config_references(const struct config *config, struct vec *references);

#endif
