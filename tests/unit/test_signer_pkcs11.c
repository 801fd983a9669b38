// Keys in a real token (SoftHSM), each request in a process of its own, as in production: the
// engine and the token's library keep state. Skipped where they are not installed.
#include "oci/sign/signer_pkcs11.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define PIN "a-pin-0123456789"
#define LOGIN "--module " MODULE " --token-label release --login --pin " PIN

static const char message[] = "sealed";

struct token {
    char *dir;
};

// LeakSanitizer asks this. What the engine and the token's library leave behind in a child, which
// ends then, is not ours.
static bool is_child;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return is_child;
}

static bool is_installed(void)
{
    glob_t found;
    bool engine = glob("/usr/lib/*/engines-3/pkcs11.so", 0, NULL, &found) == 0;
    globfree(&found);
    return engine && access(MODULE, R_OK) == 0 && access("/usr/bin/pkcs11-tool", X_OK) == 0 &&
           access("/usr/bin/softhsm2-util", X_OK) == 0;
}

static void run(const char *command)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0)
        fail_msg("%s: status %d", command, status);
}

static void make(const char *name, const char *kind, const char *flags)
{
    cleanup_free char *command =
        xasprintf("pkcs11-tool " LOGIN " --keypairgen --key-type %s --label %s %s "
                  ">/dev/null 2>&1",
                  kind, name, flags);
    run(command);
}

static int set_up(void **state)
{
    struct token *token = xcalloc(1, sizeof *token);
    *state = token;
    if (!is_installed())
        return 0;
    assert_int_equal(file_make_temp_dir("token", &token->dir, NULL), 0);
    cleanup_free char *settings = xasprintf("%s/softhsm2.conf", token->dir);
    cleanup_free char *text = xasprintf("directories.tokendir = %s\nobjectstore.backend = file\n"
                                        "log.level = ERROR\n",
                                        token->dir);
    assert_int_equal(file_write_atomic(settings, text, strlen(text), 0600, NULL), 0);
    setenv("SOFTHSM2_CONF", settings, 1);
    run("softhsm2-util --init-token --free --label release --pin " PIN " --so-pin so-" PIN
        " >/dev/null 2>&1");
    make("packager", "EC:prime256v1", "--id 01 --usage-sign");
    make("approver", "rsa:2048", "--id 02 --usage-sign");
    make("strict", "rsa:2048",
         "--id 05 --usage-sign --allowed-mechanisms RSA-PKCS-PSS,SHA256-RSA-PKCS-PSS");
    make("reader", "EC:prime256v1", "--id 03 --usage-sign --allowed-mechanisms ECDSA-SHA1");
    make("alone", "EC:secp384r1", "--id 04 --usage-sign");
    run("pkcs11-tool " LOGIN " --delete-object --type pubkey --label alone >/dev/null 2>&1");
    run("pkcs11-tool " LOGIN " --delete-object --type pubkey --label approver >/dev/null 2>&1");
    return 0;
}

static int tear_down(void **state)
{
    struct token *token = *state;
    if (token->dir != NULL)
        assert_int_equal(file_remove_tree(token->dir, NULL), 0);
    free(token->dir);
    free(token);
    return 0;
}

// What the child says: its answer, or a sentence after its error code.
static void say(int to, const struct signer_request *request)
{
    cleanup_signer_answer struct signer_answer answer = {0};
    cleanup_error struct error err = {0};
    cleanup_free char *text = NULL;
    if (signer_pkcs11_answer(request, &answer, &err) == 0) {
        cleanup_free char *built = signer_answer_build(&answer);
        text = xasprintf("+%s", built);
    } else {
        text = xasprintf("%c%s", '0' + (char)err.code, error_message(&err));
    }
    if (write(to, text, strlen(text)) != (ssize_t)strlen(text))
        _exit(3);
}

static int ask(const struct signer_request *request, struct signer_answer *ret_answer,
               struct error *err)
{
    int ends[2];
    char text[4096] = "";
    size_t size = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        is_child = true;
        say(ends[1], request);
        exit(0);
    }
    close(ends[1]);
    for (ssize_t got = 1; got > 0 && size < sizeof text - 1; size += (size_t)got) {
        got = read(ends[0], text + size, sizeof text - 1 - size);
        assert_true(got >= 0);
    }
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(size > 0);
    if (*text == '+')
        return signer_answer_parse(text + 1, size - 1, request->operation, ret_answer, err);
    return error_set(err, (enum error_code)(*text - '0'), "%s", text + 1);
}

// A request to sign `message`, or for the public half.
static struct signer_request request_for(const char *uri, bool sign, const char *pin)
{
    struct signer_request request = {.operation = sign ? SIGNER_SIGN : SIGNER_PUBLIC_KEY,
                                     .key = (char *)(uintptr_t)uri,
                                     .module = (char *)(uintptr_t)MODULE,
                                     .pin = (char *)(uintptr_t)pin,
                                     .hash = SIGNER_SHA256};
    sha256(message, strlen(message), request.digest);
    return request;
}

static void check_refusal(struct signer_request request, enum error_code code, const char *part)
{
    cleanup_signer_answer struct signer_answer answer = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(ask(&request, &answer, &err), -1);
    if (err.code != code || strstr(error_message(&err), part) == NULL)
        fail_msg("%s: %s", request.key, error_message(&err));
    // Whoever reads the message may not read the PIN.
    if (request.pin != NULL && strstr(error_message(&err), request.pin) != NULL)
        fail_msg("%s: the PIN is told", request.key);
}

static struct verify_key *public_half(const char *uri, const char *pin)
{
    struct signer_request request = request_for(uri, false, pin);
    cleanup_signer_answer struct signer_answer answer = {0};
    cleanup_error struct error err = {0};
    struct verify_key *key = NULL;
    if (ask(&request, &answer, &err) < 0 ||
        verify_key_load(answer.public_key, strlen(answer.public_key), uri, &key, &err) < 0)
        fail_msg("%s: %s", uri, error_message(&err));
    return key;
}

static void test_signatures_verify_with_the_public_half(void **state)
{
    const struct token *token = *state;
    if (token->dir == NULL)
        skip();
    static const struct {
        const char *uri;
        const char *public_pin; // NULL: whoever has the token may read the public half
        enum key_algorithm algorithm;
    } cases[] = {
        {"pkcs11:token=release;object=packager", NULL, KEY_ECDSA_P256},
        {"pkcs11:token=release;object=approver", PIN, KEY_RSA},
        {"pkcs11:token=release;object=strict", PIN, KEY_RSA},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_verify_key struct verify_key *key = public_half(cases[i].uri, cases[i].public_pin);
        assert_int_equal(verify_key_algorithm(key), cases[i].algorithm);
        struct signer_request request = request_for(cases[i].uri, true, PIN);
        cleanup_signer_answer struct signer_answer answer = {0};
        cleanup_error struct error err = {0};
        request.algorithm = cases[i].algorithm;
        if (ask(&request, &answer, &err) < 0 ||
            verify_key_check(key, message, strlen(message), answer.signature, answer.signature_size,
                             &err) < 0)
            fail_msg("%s: %s", cases[i].uri, error_message(&err));
        assert_int_equal(
            verify_key_check(key, "another", 7, answer.signature, answer.signature_size, NULL), -1);
    }
}

// An RSA private key knows its public half (`approver` above); one of a curve does not.
static void test_private_half_of_a_curve_alone(void **state)
{
    const struct token *token = *state;
    if (token->dir == NULL)
        skip();
    static const char key[] = "pkcs11:token=release;object=alone";
    check_refusal(request_for(key, false, PIN), ERROR_DENIED,
                  "keeps the private half alone, without the point");
    check_refusal(request_for(key, false, NULL), ERROR_DENIED, "no PIN was given");
}

static void test_refusals_say_what_to_do(void **state)
{
    const struct token *token = *state;
    if (token->dir == NULL)
        skip();
    static const char key[] = "pkcs11:token=release;object=packager";
    static const char absent[] = "pkcs11:token=release;object=absent";
    struct signer_request request = request_for(key, true, PIN);

    check_refusal(request_for(key, true, "a-wrong-pin"), ERROR_DENIED, "before the token locks");
    check_refusal(request_for(absent, false, PIN), ERROR_DENIED, "no private key of that name");
    check_refusal(request_for(absent, false, NULL), ERROR_DENIED, "no public key of that name");
    check_refusal(request_for(absent, true, PIN), ERROR_DENIED, "pkcs11-tool --list-objects");
    check_refusal(request_for(absent, false, "a-wrong-pin"), ERROR_DENIED, "of that name");
    check_refusal(request_for(key, true, NULL), ERROR_DENIED, "no PIN was given");

    request.algorithm = KEY_ED25519;
    check_refusal(request, ERROR_INVALID, "no Ed25519");
    request = request_for(key, true, PIN);
    request.module = (char *)(uintptr_t) "/nowhere/module.so";
    check_refusal(request, ERROR_DENIED, "name the token's library with module-path");
    check_refusal(request_for("pkcs11:token=release;object=reader", true, PIN), ERROR_DENIED,
                  "the token did not sign");
}

static void test_without_the_engine(void **state)
{
    const struct token *token = *state;
    if (token->dir == NULL)
        skip();
    setenv("OPENSSL_ENGINES", token->dir, 1);
    check_refusal(request_for("pkcs11:token=release;object=packager", true, PIN), ERROR_NOT_FOUND,
                  "libengine-pkcs11-openssl");
    unsetenv("OPENSSL_ENGINES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures_verify_with_the_public_half),
        cmocka_unit_test(test_private_half_of_a_curve_alone),
        cmocka_unit_test(test_refusals_say_what_to_do),
        cmocka_unit_test(test_without_the_engine),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
