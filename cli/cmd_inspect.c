#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/registry.h"
#include "oci/artifact.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *describe_attached(struct oci_repository *repository, const char *digest)
{
    json_t *list = json_array();
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    if (oci_referrers(repository, digest, &referrers, NULL) < 0)
        return list;
    vec_foreach (struct oci_descriptor, referrer, &referrers) {
        json_t *entry = json_object();
        jval_set_string(entry, "digest", referrer->digest.text);
        jval_set_string(entry, "artifactType", referrer->artifact_type);
        json_array_append_new(list, entry);
    }
    cleanup_free char *tag = oci_derived_tag(digest, ".sig");
    cleanup_oci_descriptor struct oci_descriptor signature = {0};
    if (oci_resolve(repository, tag, &signature, NULL) == 0) {
        json_t *entry = json_object();
        jval_set_string(entry, "digest", signature.digest.text);
        jval_set_string(entry, "tag", tag);
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *describe_children(const struct oci_manifest *index)
{
    json_t *list = json_array();
    vec_foreach (const struct oci_descriptor, child, &index->layers) {
        json_t *entry = json_object();
        jval_set_string(entry, "digest", child->digest.text);
        jval_set_string(entry, "mediaType", child->media_type);
        jval_set_string(entry, "artifactType", child->artifact_type);
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *describe(struct registry *registry, const struct oci_descriptor *descriptor,
                        const struct oci_manifest *manifest, const struct vec *files)
{
    json_t *value = json_object();
    jval_set_string(value, "repository", oci_repository_identity(registry->repository));
    jval_set_string(value, "digest", descriptor->digest.text);
    jval_set_string(value, "mediaType", manifest->media_type);
    jval_set_string(value, "type", oci_manifest_type(manifest));
    jval_set(value, "annotations",
             manifest->annotations != NULL ? json_incref(manifest->annotations) : json_object());
    if (manifest->is_index)
        jval_set(value, "manifests", describe_children(manifest));
    json_t *paths = json_array();
    vec_foreach (struct oci_file, file, files)
        json_array_append_new(paths, json_string(file->path));
    jval_set(value, "files", paths);
    jval_set(value, "attached", describe_attached(registry->repository, descriptor->digest.text));
    return value;
}

static void print_text(const json_t *value)
{
    size_t index;
    const char *name;
    json_t *member;
    cleanup_free char *head = xasprintf("repository  %s\ndigest      %s\ntype        %s\n",
                                        jval_string(value, "repository"),
                                        jval_string(value, "digest"), jval_string(value, "type"));
    print_visible(head);
    puts("annotations");
    json_object_foreach ((json_t *)(uintptr_t)jval_object(value, "annotations"), name, member) {
        cleanup_free char *line = xasprintf("  %s: %s\n", name, json_string_value(member));
        print_visible(line);
    }
    puts("attached (claims, not verified)");
    json_array_foreach (jval_array(value, "attached"), index, member) {
        const char *type =
            jval_string_or(member, "artifactType", jval_string_or(member, "tag", ""));
        cleanup_free char *line = xasprintf("  %s %s\n", jval_string(member, "digest"), type);
        print_visible(line);
    }
    if (jval_array(value, "manifests") != NULL)
        puts("manifests");
    json_array_foreach (jval_array(value, "manifests"), index, member) {
        cleanup_free char *line =
            xasprintf("  %s %s\n", jval_string(member, "digest"), jval_string(member, "mediaType"));
        print_visible(line);
    }
    puts("files");
    json_array_foreach (jval_array(value, "files"), index, member) {
        print_visible("  ");
        print_visible(json_string_value(member));
        putchar('\n');
    }
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *bytes = NULL;
    cleanup_vec struct vec files = OCI_FILES;
    cleanup_oci_share struct oci_share share = {0};
    size_t size;
    if (registry_open(cli, cli_argument(cli, 0), REGISTRY_PULL, &registry, err) < 0 ||
        registry_resolve(&registry, &descriptor, err) < 0 ||
        oci_get_manifest(registry.repository, descriptor.digest.text, &bytes, &size, &manifest,
                         err) < 0)
        return -1;
    // What is no artifact of rendered files is described without them.
    const struct oci_descriptor *layer;
    if (oci_artifact_layer(&manifest, &layer, NULL) == 0 &&
        oci_pull(registry.repository, &manifest, &registry.limits, NULL, NULL, &share, &files,
                 err) < 0)
        return -1;
    cleanup_json json_t *value = describe(&registry, &descriptor, &manifest, &files);
    cleanup_free char *name = registry_name(&registry, descriptor.digest.text);
    if (*print_format(cli) != '\0')
        return print_answer_of(cli, value, name, err);
    print_text(value);
    return 0;
}

static const struct option_spec options[] = {
    RESULT_OPTION,
    LIMIT_OPTIONS,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "REF",
    .summary = "Show what an artifact is, holds, and has attached",
    .help = "Digest, annotations, files, and the signatures and attestations that are attached, "
            "unverified.\n\n"
            "  sealift inspect oci-layout:///var/lib/sealift/shop:prod\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
