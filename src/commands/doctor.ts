export async function doctorCommand(_: { isJson: boolean; isStrict: boolean }): Promise<number> {
  return 0;
}
