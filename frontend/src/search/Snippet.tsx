import { Fragment } from "react";
import { cutByMarks } from "./marks";
import classes from "./Search.module.css";

/** Text as it stood on the screen, with the matches that the server found. */
export function Snippet({ text, marks }: { text: string; marks: readonly (readonly [number, number])[] }) {
  return (
    <span className={classes.snippet}>
      {cutByMarks(text, marks).map(({ text: part, isMarked, at }) => (
        <Fragment key={at}>{isMarked ? <mark>{part}</mark> : part}</Fragment>
      ))}
    </span>
  );
}
