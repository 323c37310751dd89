import { ActionIcon, Menu, Tabs, Tooltip, VisuallyHidden } from "@mantine/core";
import {
  IconBell,
  IconCircleDashed,
  IconCircleFilled,
  IconDots,
  IconPlus,
  IconSquareFilled,
  IconX,
} from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Page } from "@/api/client";
import type { Host } from "@/api/types";
import { useText } from "@/i18n/text";
import { shortenMiddle, type TerminalTab, titleOf } from "./store";
import classes from "./Terminals.module.css";

interface TabBarProps {
  tabs: readonly TerminalTab[];
  active: string | null;
  select: (id: string) => void;
  close: (id: string) => void;
  open: (host: Pick<Host, "id" | "name" | "account" | "input_policy">) => void;
  /** Keys that browsers keep for themselves. */
  sendKey: (bytes: string) => void;
}

export function TabBar({ tabs, active, select, close, open, sendKey }: TabBarProps) {
  const t = useText();
  return (
    <div className={classes.tabs}>
      <Tabs value={active} onChange={(id) => id && select(id)} activateTabWithKeyboard style={{ flex: 1, minWidth: 0 }}>
        <Tabs.List className={classes.tabList} aria-label={t("Terminals")}>
          {tabs.map((tab) => (
            <TerminalTabHandle key={tab.id} tab={tab} title={titleOf(tab, tabs)} close={() => close(tab.id)} />
          ))}
        </Tabs.List>
      </Tabs>
      <OpenMenu open={open} />
      <MoreMenu active={active} close={close} sendKey={sendKey} tabs={tabs} />
    </div>
  );
}

function TerminalTabHandle({ tab, title, close }: { tab: TerminalTab; title: string; close: () => void }) {
  const t = useText();
  return (
    <Tabs.Tab
      value={tab.id}
      className={classes.tab ?? ""}
      title={tab.account ? `${title} · ${tab.account}` : title}
      aria-controls="terminal-panel"
      leftSection={<StateDot tab={tab} />}
      onAuxClick={(event) => event.button === 1 && close()}
      onKeyDown={(event) => event.key === "Delete" && close()}
      rightSection={
        // Only for the mouse: a button inside of a tab is none for assistive technology, which has Delete and the menu.
        <span
          aria-hidden="true"
          className={classes.close}
          title={t("Close tab")}
          onClick={(event) => {
            event.stopPropagation();
            close();
          }}
        >
          <IconX size={13} />
        </span>
      }
    >
      {shortenMiddle(title)} <span className={classes.account}>{tab.account}</span>
    </Tabs.Tab>
  );
}

function StateDot({ tab }: { tab: TerminalTab }) {
  const t = useText();
  if (tab.hasBell) {
    return <Dot word={t("Bell")} color="yellow.7" icon={IconBell} size={13} />;
  }
  switch (tab.state.phase) {
    case "ready":
      return <Dot word={t("Connected")} color="success" icon={IconCircleFilled} size={tab.hasActivity ? 12 : 9} />;
    case "ended":
      return <Dot word={t("Ended")} color="dimmed" icon={IconSquareFilled} size={9} />;
    default:
      return <Dot word={t("Connecting")} color="dimmed" icon={IconCircleDashed} size={12} />;
  }
}

interface DotProps {
  word: string;
  color: string;
  icon: typeof IconBell;
  size: number;
}

function Dot({ word, color, icon: Icon, size }: DotProps) {
  return (
    <>
      <Icon size={size} color={`var(--mantine-color-${color.replace(".", "-")})`} aria-hidden="true" />
      <VisuallyHidden>{word}</VisuallyHidden>
    </>
  );
}

function OpenMenu({ open }: Pick<TabBarProps, "open">) {
  const t = useText();
  const [isOpen, setOpen] = useState(false);
  const [query, setQuery] = useState("");
  const hosts = useQuery({
    queryKey: ["hosts/", "connect", query],
    queryFn: ({ signal }) => api.get<Page<Host>>("hosts/", { action: "connect", q: query, page_size: 20 }, signal),
    enabled: isOpen,
    placeholderData: keepPreviousData,
  });
  const found = hosts.data?.results ?? [];
  return (
    <Menu opened={isOpen} onChange={setOpen} position="bottom-end" width={280} returnFocus={false}>
      <Menu.Target>
        <ActionIcon aria-label={t("Open another terminal")} title={t("Open another terminal")}>
          <IconPlus size={16} aria-hidden="true" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Search
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
          placeholder={t("Find a host")}
          aria-label={t("Find a host")}
        />
        {found.map((host) => (
          <Menu.Item
            key={host.id}
            onClick={() => open(host)}
            rightSection={<span className={classes.account}>{host.account}</span>}
          >
            {host.name}
          </Menu.Item>
        ))}
        {hosts.isSuccess && found.length === 0 && <Menu.Label>{t("No host of yours matches.")}</Menu.Label>}
      </Menu.Dropdown>
    </Menu>
  );
}

const reservedKeys = [
  ["Ctrl+W", "\x17"],
  ["Ctrl+T", "\x14"],
  ["Ctrl+N", "\x0e"],
] as const;

function MoreMenu({ tabs, active, close, sendKey }: Pick<TabBarProps, "tabs" | "active" | "close" | "sendKey">) {
  const t = useText();
  if (active === null) return null;
  const others = tabs.filter((tab) => tab.id !== active);
  const ended = tabs.filter((tab) => tab.state.phase === "ended");
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <Tooltip label={t("More")}>
          <ActionIcon aria-label={t("More")}>
            <IconDots size={16} aria-hidden="true" />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("Keys that the browser keeps")}</Menu.Label>
        {reservedKeys.map(([name, bytes]) => (
          <Menu.Item key={name} onClick={() => sendKey(bytes)}>
            {t("Send {key}", { key: name })}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => close(active)}>{t("Close tab")}</Menu.Item>
        <Menu.Item disabled={others.length === 0} onClick={() => others.forEach(({ id }) => void close(id))}>
          {t("Close other tabs")}
        </Menu.Item>
        <Menu.Item disabled={ended.length === 0} onClick={() => ended.forEach(({ id }) => void close(id))}>
          {t("Close ended tabs")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
