#include "base/memory.h"
#include "cli/command.h"

#include <jansson.h>

#include <signal.h>

int main(int argc, char **argv)
{
    // A peer that goes away is an error of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    // Whoever started us may ignore it, and programs inherit that: then nobody learns how a helper
    // ended.
    signal(SIGCHLD, SIG_DFL);
    // Before threads start: jansson would seed its hash tables racily on first use. 0 takes it from
    // the system.
    json_object_seed(0);
    memory_settle();
    return cli_main(argc, argv);
}
