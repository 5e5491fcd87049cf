/* prompt.h - the interactive dmctl: one command a line, until `exit` or the end of the input.
 *
 * On a terminal with editing, history and completion; else lines are read as they come, without a prompt. */
#pragma once

#include "command.h"

/* On a terminal how the last command went, 0 after `exit`; of other input the worst of all. */
enum outcome prompt_run(const struct session *s);
