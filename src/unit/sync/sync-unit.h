/* sync-unit.h - the Sync unit's row in the list of kinds. */
#pragma once

extern const struct unit_ops sync_unit_ops;
