#include "sentinel/cli/command_line.h"

int main(int argc, char** argv) {
  return cli::Run(argc, argv);
}
