#include "cli/notation.h"

#include "base/file.h"
#include "base/memory.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_policy.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *notation_default_store(const char *document)
{
    const char *slash = strrchr(document, '/');
    if (slash == NULL)
        return xstrdup("truststore");
    cleanup_free char *folder = xstrndup(document, (size_t)(slash - document) + 1);
    return path_join(folder, "truststore");
}

// The files of a store's folder, in the order of their names. *ret_files: char *.
static int list_store(const char *path, const char *store, struct vec *files, struct error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID,
                         "trust store %s: %s cannot be read (%s); make it and put certificates "
                         "into it, or name another folder with --trust-store",
                         store, path, strerror(errno));
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        if (*entry->d_name != '.')
            *(char **)vec_push(files) = path_join(path, entry->d_name);
    closedir(dir);
    vec_sort(files, vec_compare_strings);
    if (files->len == 0)
        return error_set(err, ERROR_NOT_FOUND, "trust store %s: %s holds no certificates", store,
                         path);
    return 0;
}

typedef int take_file(void *taker, const char *data, size_t size, const char *path,
                      struct error *err);

static int read_store(const char *folder, const char *store, take_file *take, void *taker,
                      struct error *err)
{
    enum notation_store_type type;
    const char *name;
    cleanup_vec struct vec files = VEC_OF(char *, vec_release_string);
    if (notation_store_name(store, &type, &name, err) < 0)
        return -1;
    cleanup_free char *path =
        xasprintf("%s/x509/%s/%s", folder, notation_store_type_name(type), name);
    if (list_store(path, store, &files, err) < 0)
        return -1;
    vec_foreach (char *, file, &files) {
        cleanup_free char *data = NULL;
        size_t size = 0;
        if (file_read(*file, NOTATION_MAX_PEM_BYTES, &data, &size, err) < 0 ||
            take(taker, data, size, *file, err) < 0)
            return -1;
    }
    return 0;
}

static int append_certificates(void *certificates, const char *data, size_t size, const char *path,
                               struct error *err)
{
    return notation_certificates_read(data, size, path, certificates, err);
}

int notation_store_read(const char *folder, const char *store, struct vec *certificates,
                        struct error *err)
{
    return read_store(folder, store, append_certificates, certificates, err);
}

struct trusting {
    struct notation_trust *trust;
    const char *store;
};

static int trust_certificates(void *arg, const char *data, size_t size, const char *path,
                              struct error *err)
{
    const struct trusting *trusting = arg;
    enum notation_store_type type;
    const char *name;
    if (notation_store_name(trusting->store, &type, &name, err) < 0)
        return -1;
    return notation_trust_add_certificates(trusting->trust, type, name, data, size, path, err);
}

static int read_lists(const struct cli *cli, struct notation_trust *trust, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(cli, "crl", &files);
    vec_foreach (const char *, file, &files) {
        cleanup_free char *data = NULL;
        size_t size = 0;
        if (file_read(*file, NOTATION_MAX_CRL_BYTES, &data, &size, err) < 0 ||
            notation_trust_add_crl(trust, data, size, *file, err) < 0)
            return error_wrap(err, "--crl");
    }
    return 0;
}

static int fill(const struct cli *cli, const struct notation_statement *statement,
                const char *folder, struct notation_trust *trust, struct error *err)
{
    if (statement->skip)
        return error_set(err, ERROR_INVALID,
                         "statement \"%.100s\" has the level skip: it verifies nothing, so nothing "
                         "can be said of the artifact",
                         statement->name);
    vec_foreach (char *, store, &statement->stores)
        if (read_store(folder, *store, trust_certificates,
                       &(struct trusting){.trust = trust, .store = *store}, err) < 0)
            return -1;
    if (notation_statement_fill(statement, trust, err) < 0 || read_lists(cli, trust, err) < 0)
        return -1;
    return notation_trust_seal(trust, err);
}

int notation_of_flags(const struct cli *cli, const char *identity,
                      struct notation_trust **ret_trust, struct error *err)
{
    const char *document = cli_string(cli, "notation-policy");
    cleanup_notation_policy struct notation_policy policy = {0};
    cleanup_notation_trust struct notation_trust *trust = notation_trust_new();
    cleanup_free char *data = NULL;
    const struct notation_statement *statement = NULL;
    size_t size = 0;
    if (document == NULL && (cli_string(cli, "trust-store") != NULL))
        return error_set(err, ERROR_INVALID,
                         "--trust-store holds certificates; who may sign says --notation-policy "
                         "FILE (trustpolicy.json)");
    if (document == NULL)
        return 0;
    cleanup_free char *beside = notation_default_store(document);
    if (file_read(document, NOTATION_MAX_POLICY_BYTES, &data, &size, err) < 0 ||
        notation_policy_parse(data, size, document, &policy, err) < 0 ||
        notation_policy_find(&policy, identity, &statement, err) < 0 ||
        fill(cli, statement, cli_string_or(cli, "trust-store", beside), trust, err) < 0)
        return error_wrap(err, "--notation-policy");
    *ret_trust = STEAL(trust);
    return 0;
}
