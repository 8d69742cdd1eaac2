  # Only the engine's name server knows the names of the other nodes; beside a second one they resolve only sometimes.
  if grep -qx "nameserver ${docker_host_ip}" /etc/resolv.conf; then
    replaced="$(grep -v '^nameserver ' /etc/resolv.conf || true)"
    printf '%s\nnameserver %s\n' "$replaced" "$docker_host_ip" >/etc/resolv.conf
  fi

