  # Without CAP_SYS_RESOURCE no process may lower its oom_score_adj, and runc would fail on every pod.
  if (( ! (0x$(awk '/^CapBnd/ {print $2}' /proc/self/status) >> 24 & 1) )); then
    sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
  fi

