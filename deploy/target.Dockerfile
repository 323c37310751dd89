# One SSH server to try Bastion on: an account `demo` whose password comes from TARGET_PASSWORD at start.

FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-server procps vim-tiny htop tmux less \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* \
    && useradd --create-home --shell /bin/bash demo \
    && mkdir -p /run/sshd \
    && printf '%s\n' 'PermitRootLogin no' 'AllowUsers demo' 'X11Forwarding no' 'DisableForwarding yes' \
        'HostKey /etc/ssh/keys/ssh_host_ed25519_key' >/etc/ssh/sshd_config.d/bastion.conf
# Host keys live in a volume: a host whose key changes is refused.
VOLUME /etc/ssh/keys
EXPOSE 22
CMD ["sh", "-c", "set -e; echo \"demo:$TARGET_PASSWORD\" | chpasswd; unset TARGET_PASSWORD; test -f /etc/ssh/keys/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/keys/ssh_host_ed25519_key; exec /usr/sbin/sshd -D -e"]
