import { connection } from "next/server";
import { environment } from "../../environment";
import { Direct } from "./direct";

export default async function DirectPage() {
  // The address is read when the page is asked for, not when it is built.
  await connection();
  return <Direct url={environment.url} />;
}
