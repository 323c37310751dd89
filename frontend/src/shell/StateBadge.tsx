import { Badge, Tooltip, useComputedColorScheme } from "@mantine/core";
import { useText } from "@/i18n/text";
import { type StateKind, stateLooks } from "./states";

interface StateBadgeProps {
  kind: StateKind;
  /** Already translated; the look's own word when left out. */
  word?: string | undefined;
  /** Only the icon; the word becomes its name. */
  isCompact?: boolean;
}

/** One meaning: icon, word and colour together, never colour alone. */
export function StateBadge({ kind, word, isCompact = false }: StateBadgeProps) {
  const t = useText();
  const scheme = useComputedColorScheme("light");
  const { icon: Icon, word: own, ...looks } = stateLooks[kind];
  const [color, tint] = looks[scheme];
  const name = word ?? t(own);
  const border = kind === "unverified" ? `1px dashed ${color}` : undefined;
  const style = { color, backgroundColor: tint, border, flexShrink: 0 };
  if (isCompact) {
    return (
      <Tooltip label={name}>
        <Badge px={5} style={style} role="img" aria-label={name}>
          <Icon size={12} aria-hidden="true" style={{ display: "block" }} />
        </Badge>
      </Tooltip>
    );
  }
  return (
    <Badge leftSection={<Icon size={12} aria-hidden="true" />} style={style}>
      {name}
    </Badge>
  );
}
