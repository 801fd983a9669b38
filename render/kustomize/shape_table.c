// The table of shapes. Source: sigs.k8s.io/kustomize/api v0.21.1, api/types and the configuration
// structs of internal/builtins.
#include "render/kustomize/shape.h"

#include <string.h>

#include "base/memory.h"

#define TEXT(field)             \
    {                           \
        field, SHAPE_TEXT, NULL \
    }
#define BOOL(field)             \
    {                           \
        field, SHAPE_BOOL, NULL \
    }
#define INTEGER(field)             \
    {                              \
        field, SHAPE_INTEGER, NULL \
    }
#define TEXTS(field)             \
    {                            \
        field, SHAPE_TEXTS, NULL \
    }
#define TEXT_MAP(field)             \
    {                               \
        field, SHAPE_TEXT_MAP, NULL \
    }
#define PATH(field)             \
    {                           \
        field, SHAPE_PATH, NULL \
    }
#define OBJECT(field, of)       \
    {                           \
        field, SHAPE_OBJECT, of \
    }
#define OBJECTS(field, of)       \
    {                            \
        field, SHAPE_OBJECTS, of \
    }
#define ANY(field)             \
    {                          \
        field, SHAPE_ANY, NULL \
    }
#define END                   \
    {                         \
        NULL, SHAPE_ANY, NULL \
    }

#define TYPE TEXT("apiVersion"), TEXT("kind")
#define GVK TEXT("group"), TEXT("version"), TEXT("kind")
#define ID GVK, TEXT("name"), TEXT("namespace")

static const struct shape_field kustomization[] = {
    TYPE,
    OBJECT("metadata", "metadata"),
    TEXT_MAP("openapi"),
    TEXT("namePrefix"),
    TEXT("nameSuffix"),
    TEXT("namespace"),
    TEXT_MAP("commonLabels"),
    OBJECTS("labels", "label"),
    TEXT_MAP("commonAnnotations"),
    TEXTS("patchesStrategicMerge"),
    OBJECTS("patchesJson6902", "patch"),
    OBJECTS("patches", "patch"),
    OBJECTS("images", "image"),
    OBJECTS("imageTags", "image"),
    OBJECTS("replacements", "replacement"),
    OBJECTS("replicas", "replica"),
    OBJECTS("vars", "var"),
    OBJECT("sortOptions", "sortOptions"),
    TEXTS("resources"),
    TEXTS("components"),
    TEXTS("crds"),
    TEXTS("bases"),
    OBJECTS("configMapGenerator", "configMapArgs"),
    OBJECTS("secretGenerator", "secretArgs"),
    OBJECT("helmGlobals", "helmGlobals"),
    OBJECTS("helmCharts", "helmChart"),
    OBJECTS("helmChartInflationGenerator", "helmChartArgs"),
    OBJECT("generatorOptions", "generatorOptions"),
    TEXTS("configurations"),
    TEXTS("generators"),
    TEXTS("transformers"),
    TEXTS("validators"),
    TEXTS("buildMetadata"),
    END,
};

static const struct shape_field metadata[] = {
    TEXT("name"), TEXT("namespace"), TEXT_MAP("labels"), TEXT_MAP("annotations"), END,
};
static const struct shape_field fieldspec[] = {GVK, PATH("path"), BOOL("create"), END};
static const struct shape_field label[] = {
    TEXT_MAP("pairs"),
    BOOL("includeSelectors"),
    BOOL("includeTemplates"),
    BOOL("includeVolumeClaimTemplates"), // of versions after 5.8.1
    OBJECTS("fields", "fieldSpec"),
    END,
};
static const struct shape_field selector[] = {
    ID,
    TEXT("annotationSelector"),
    TEXT("labelSelector"),
    END,
};
static const struct shape_field patch_options[] = {
    BOOL("allowNameChange"),
    BOOL("allowKindChange"),
    END,
};
static const struct shape_field patch[] = {
    TEXT("path"), TEXT("patch"), OBJECT("target", "selector"), OBJECT("options", "patchOptions"),
    END,
};
static const struct shape_field image[] = {
    TEXT("name"), TEXT("newName"), TEXT("tagSuffix"), TEXT("newTag"), TEXT("digest"), END,
};
static const struct shape_field field_options[] = {
    TEXT("delimiter"), INTEGER("index"), TEXT("encoding"), BOOL("create"), END,
};
static const struct shape_field replacement_source[] = {
    ID,
    TEXT("fieldPath"),
    OBJECT("options", "fieldOptions"),
    END,
};
static const struct shape_field replacement_target[] = {
    OBJECT("select", "selector"),
    OBJECTS("reject", "selector"),
    TEXTS("fieldPaths"),
    OBJECT("options", "fieldOptions"),
    END,
};
static const struct shape_field replacement[] = {
    OBJECT("source", "replacementSource"),
    OBJECTS("targets", "replacementTarget"),
    TEXT("sourceValue"),
    TEXT("path"),
    END,
};
static const struct shape_field replica[] = {TEXT("name"), INTEGER("count"), END};
static const struct shape_field var_target[] = {
    TEXT("apiVersion"),
    ID,
    END,
};
static const struct shape_field field_selector[] = {TEXT("fieldPath"), END};
static const struct shape_field var[] = {
    TEXT("name"),
    OBJECT("objref", "varTarget"),
    OBJECT("fieldref", "fieldSelector"),
    END,
};
static const struct shape_field legacy_sort[] = {TEXTS("orderFirst"), TEXTS("orderLast"), END};
static const struct shape_field sort_options[] = {
    TEXT("order"),
    OBJECT("legacySortOptions", "legacySortOptions"),
    END,
};
static const struct shape_field generator_options[] = {
    TEXT_MAP("labels"),
    TEXT_MAP("annotations"),
    BOOL("disableNameSuffixHash"),
    BOOL("immutable"),
    END,
};
#define GENERATOR                                                                         \
    TEXT("namespace"), TEXT("name"), TEXT("behavior"), TEXTS("literals"), TEXTS("files"), \
        TEXTS("envs"), TEXT("env"), OBJECT("options", "generatorOptions")
static const struct shape_field configmap_args[] = {GENERATOR, END};
static const struct shape_field secret_args[] = {GENERATOR, TEXT("type"), END};
static const struct shape_field helm_globals[] = {TEXT("chartHome"), TEXT("configHome"), END};
static const struct shape_field helm_chart[] = {
    TEXT("name"),        TEXT("version"),      TEXT("repo"),
    TEXT("releaseName"), TEXT("namespace"),    TEXTS("additionalValuesFiles"),
    TEXT("valuesFile"),  ANY("valuesInline"),  TEXT("valuesMerge"),
    BOOL("includeCRDs"), BOOL("skipHooks"),    TEXTS("apiVersions"),
    TEXT("kubeVersion"), TEXT("nameTemplate"), BOOL("skipTests"),
    BOOL("debug"),       BOOL("devel"),        END,
};
static const struct shape_field helm_chart_args[] = {
    TEXT("chartName"),     TEXT("chartVersion"),
    TEXT("chartRepoUrl"),  TEXT("chartHome"),
    TEXT("chartRepoName"), TEXT("helmBin"),
    TEXT("helmHome"),      TEXT("values"),
    ANY("valuesLocal"),    TEXT("valuesMerge"),
    TEXT("releaseName"),   TEXT("releaseNamespace"),
    TEXTS("extraArgs"),    END,
};

// ---- files named by `configurations` ----

static const struct shape_field name_reference[] = {GVK, OBJECTS("fieldSpecs", "fieldSpec"), END};
static const struct shape_field configuration[] = {
    OBJECTS("namePrefix", "fieldSpec"),
    OBJECTS("nameSuffix", "fieldSpec"),
    OBJECTS("namespace", "fieldSpec"),
    OBJECTS("commonLabels", "fieldSpec"),
    OBJECTS("labels", "fieldSpec"),
    OBJECTS("templateLabels", "fieldSpec"),
    OBJECTS("commonAnnotations", "fieldSpec"),
    OBJECTS("nameReference", "nameReference"),
    OBJECTS("varReference", "fieldSpec"),
    OBJECTS("images", "fieldSpec"),
    OBJECTS("replicas", "fieldSpec"),
    END,
};

// ---- configurations of builtin plugins ----

static const struct shape_field prefix_plugin[] = {
    TEXT("prefix"),
    OBJECTS("fieldSpecs", "fieldSpec"),
    END,
};
static const struct shape_field suffix_plugin[] = {
    TEXT("suffix"),
    OBJECTS("fieldSpecs", "fieldSpec"),
    END,
};
static const struct shape_field prefix_suffix_plugin[] = {
    TEXT("prefix"),
    TEXT("suffix"),
    OBJECTS("fieldSpecs", "fieldSpec"),
    END,
};
static const struct shape_field namespace_plugin[] = {
    OBJECT("metadata", "metadata"),
    OBJECTS("fieldSpecs", "fieldSpec"),
    BOOL("unsetOnly"),
    TEXT("setRoleBindingSubjects"),
    END,
};
static const struct shape_field label_plugin[] = {
    TEXT_MAP("labels"),
    OBJECTS("fieldSpecs", "fieldSpec"),
    END,
};
static const struct shape_field annotation_plugin[] = {
    TEXT_MAP("annotations"),
    OBJECTS("fieldSpecs", "fieldSpec"),
    END,
};
static const struct shape_field image_plugin[] = {
    OBJECT("imageTag", "image"),
    OBJECTS("fieldSpecs", "fieldSpec"),
    END,
};
static const struct shape_field replica_plugin[] = {
    OBJECT("replica", "replica"),
    OBJECTS("fieldSpecs", "fieldSpec"),
    END,
};
static const struct shape_field patch_strategic_plugin[] = {
    TEXTS("paths"),
    TEXT("patches"),
    END,
};
static const struct shape_field patch_json_plugin[] = {
    OBJECT("target", "selector"),
    TEXT("path"),
    TEXT("jsonOp"),
    END,
};
static const struct shape_field replacement_plugin[] = {
    OBJECTS("replacements", "replacement"),
    END,
};
static const struct shape_field configmap_plugin[] = {
    OBJECT("metadata", "metadata"),
    GENERATOR,
    END,
};
static const struct shape_field secret_plugin[] = {
    OBJECT("metadata", "metadata"),
    GENERATOR,
    TEXT("type"),
    END,
};
static const struct shape_field value_add_plugin[] = {
    TEXT("value"),
    OBJECTS("targets", "valueAddTarget"),
    TEXT("targetFilePath"),
    END,
};
static const struct shape_field value_add_target[] = {
    OBJECT("selector", "selector"),
    TEXT("notSelector"),
    PATH("fieldPath"),
    INTEGER("filePathPosition"),
    END,
};
static const struct shape_field sort_plugin[] = {OBJECT("sortOptions", "sortOptions"), END};

static const struct shape shapes[] = {
    {"kustomization", kustomization, false, false},
    {"metadata", metadata, false, false},
    {"fieldSpec", fieldspec, false, false},
    {"label", label, false, false},
    {"selector", selector, false, false},
    {"patchOptions", patch_options, false, false},
    {"patch", patch, false, false},
    {"image", image, false, false},
    {"fieldOptions", field_options, false, false},
    {"replacementSource", replacement_source, false, false},
    {"replacementTarget", replacement_target, false, false},
    {"replacement", replacement, false, false},
    {"replica", replica, false, false},
    {"varTarget", var_target, false, false},
    {"fieldSelector", field_selector, false, false},
    {"var", var, false, false},
    {"legacySortOptions", legacy_sort, false, false},
    {"sortOptions", sort_options, false, false},
    {"generatorOptions", generator_options, false, false},
    {"configMapArgs", configmap_args, false, false},
    {"secretArgs", secret_args, false, false},
    {"helmGlobals", helm_globals, false, false},
    {"helmChart", helm_chart, false, false},
    {"helmChartArgs", helm_chart_args, false, false},
    {"nameReference", name_reference, false, false},
    {"configuration", configuration, false, false},
    {"valueAddTarget", value_add_target, false, false},
    {"PrefixTransformer", prefix_plugin, true, true},
    {"SuffixTransformer", suffix_plugin, true, true},
    {"PrefixSuffixTransformer", prefix_suffix_plugin, true, true},
    {"NamespaceTransformer", namespace_plugin, true, false},
    {"LabelTransformer", label_plugin, true, false},
    {"AnnotationsTransformer", annotation_plugin, true, false},
    {"ImageTagTransformer", image_plugin, true, false},
    {"ReplicaCountTransformer", replica_plugin, true, false},
    {"PatchTransformer", patch, true, false},
    {"PatchStrategicMergeTransformer", patch_strategic_plugin, true, false},
    {"PatchJson6902Transformer", patch_json_plugin, true, false},
    {"ReplacementTransformer", replacement_plugin, true, false},
    {"ConfigMapGenerator", configmap_plugin, true, false},
    {"SecretGenerator", secret_plugin, true, false},
    {"ValueAddTransformer", value_add_plugin, true, false},
    {"SortOrderTransformer", sort_plugin, true, false},
};

const struct shape *shape_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++)
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    return NULL;
}
