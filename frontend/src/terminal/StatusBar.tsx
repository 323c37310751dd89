import { Text, useComputedColorScheme } from "@mantine/core";
import { IconAlertTriangle, IconCircleFilled, IconShieldX, IconSquareFilled } from "@tabler/icons-react";
import { useText } from "@/i18n/text";
import { stateLooks } from "@/shell/states";
import { CloseCode } from "./closeCodes";
import type { TerminalTab } from "./store";
import classes from "./Terminals.module.css";

export function StatusBar({ tab }: { tab: TerminalTab }) {
  const t = useText();
  return (
    <div className={classes.status}>
      <Recording tab={tab} />
      <Text span inherit>
        {tab.size.cols}×{tab.size.rows}
      </Text>
      {tab.latency !== null && (
        <Text span inherit title={t("From the browser to the server and back")}>
          {t("{latency} ms", { latency: tab.latency < 10 ? tab.latency.toFixed(1) : Math.round(tab.latency) })}
        </Text>
      )}
      <Text span inherit c="dimmed" className={classes.wide ?? ""} ml="auto">
        {t("Ctrl+Shift+F find · Ctrl+Shift+K go to · Ctrl+F6 tabs")}
      </Text>
    </div>
  );
}

function Recording({ tab }: { tab: TerminalTab }) {
  const t = useText();
  const scheme = useComputedColorScheme("light");
  const { state } = tab;
  if (state.phase === "connecting")
    return (
      <Text span inherit c="dimmed">
        {t("Not connected yet")}
      </Text>
    );
  if (state.phase === "ended") {
    const isUnrecorded = state.ending.code === CloseCode.cannotRecord;
    const unrecorded = tab.session ? t("Not recorded, session ended") : t("Not recorded, so not started");
    const Icon = isUnrecorded ? IconShieldX : IconSquareFilled;
    return (
      <Lamp
        color={stateLooks[isUnrecorded ? "refused" : "sealed"][scheme][0]}
        icon={<Icon size={11} aria-hidden="true" />}
      >
        {isUnrecorded ? unrecorded : t("Session ended")}
      </Lamp>
    );
  }
  if (state.phase === "reconnecting") {
    return (
      <Lamp color={stateLooks.warning[scheme][0]} icon={<IconAlertTriangle size={12} aria-hidden="true" />}>
        {t("Connection lost, still recorded")}
      </Lamp>
    );
  }
  if (tab.isStalled) {
    return (
      <Lamp color={stateLooks.warning[scheme][0]} icon={<IconAlertTriangle size={12} aria-hidden="true" />}>
        {t("Recording is slow, the terminal waits")}
      </Lamp>
    );
  }
  const input = {
    off: t("Recording · input not recorded"),
    masked: t("Recording · hidden input masked"),
    full: t("Recording · all input"),
    "": t("Recording"),
  };
  return (
    <Lamp color={stateLooks.live[scheme][0]} icon={<IconCircleFilled size={10} aria-hidden="true" />}>
      {input[tab.inputPolicy]}
    </Lamp>
  );
}

function Lamp({ color, icon, children }: { color: string; icon: React.ReactNode; children: React.ReactNode }) {
  return (
    <Text span inherit c={color} style={{ display: "inline-flex", alignItems: "center", gap: 6 }}>
      {icon}
      {children}
    </Text>
  );
}
