import { UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import { formatOffset, useFormats } from "@/i18n/formats";
import { wallAt } from "./Controls";
import classes from "./Replay.module.css";

interface MomentRowProps {
  /** ISO time of the session's start. */
  startedAt: string;
  t: number;
  isCurrent: boolean;
  isFuture: boolean;
  children: ReactNode;
  aside?: ReactNode;
  onClick: () => void;
}

/** A line beside the screen that leads to its second: wall clock, offset, and what happened. */
export function MomentRow({ startedAt, t, isCurrent, isFuture, children, aside, onClick }: MomentRowProps) {
  const { clock } = useFormats();
  return (
    <UnstyledButton className={classes.row} aria-current={isCurrent} data-future={isFuture} onClick={onClick}>
      <span className={classes.when}>
        <span>{clock(wallAt(startedAt, t))}</span>
        <span>{formatOffset(t)}</span>
      </span>
      <span className={classes.what}>{children}</span>
      <span>{aside}</span>
    </UnstyledButton>
  );
}
