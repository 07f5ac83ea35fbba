#pragma once
// The settings pg_trickle.*, as their variables; described in pg_trickle.cpp.
namespace settings {

inline bool enabled = true;
inline int history_rows = 1000;
inline int kept_from = 10000;
inline char *lake_command = nullptr;
inline char *lake_conninfo = nullptr;
inline int log_segment_size = 16;   // MB
inline int max_log_size = 10240;    // MB
inline int weighed_rows = 1000;

}  // namespace settings
